import Formats
import Foundation
import TestSupport
import Testing

/// Indexes that disagree with what lies beside them.
@Suite struct ShardIndexTests {
  private let directory: TemporaryDirectory

  init() throws { directory = TemporaryDirectory() }

  /// A file of one tensor, which shares nothing with other shards.
  private func write(_ tensor: String, to name: String) throws {
    let header = #"{"\#(tensor)":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#
    var bytes = Data([UInt8(header.utf8.count), 0, 0, 0, 0, 0, 0, 0])
    bytes.append(contentsOf: header.utf8)
    bytes.append(7)
    try bytes.write(to: URL(filePath: directory.path(name)))
  }

  private func writeIndex(_ map: [String: String], as name: String = "model.safetensors.index.json")
    throws
  {
    let document = try JSONEncoder().encode(["metadata": [:], "weight_map": map])
    try document.write(to: URL(filePath: directory.path(name)))
  }

  private static func shard(_ number: Int, of count: Int = 2) -> String {
    "model-0000\(number)-of-0000\(count).safetensors"
  }

  @Test func `a shard that the index does not name is refused`() throws {
    try write("a", to: Self.shard(1))
    try write("b", to: Self.shard(2))
    try writeIndex(["a": Self.shard(1)])
    let message =
      "model-00002-of-00002.safetensors is numbered like the shards of "
      + "model.safetensors.index.json, which does not name it; expected the tensors of all "
      + "shards in the index: move the index away to read every shard, or the file if it does "
      + "not belong to the model"
    for path in [directory.path, directory.path("model.safetensors.index.json")] {
      let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(path) }
      #expect(error?.message == message)
      let tolerant = try Checkpoint.open(path, options: .init(isTolerant: true))
      #expect(tolerant.findings.map(\.message) == [message])
      #expect(tolerant.findings.map(\.severity) == [.error])
    }
  }

  @Test func `shards of another cut are only told`() throws {
    try write("a", to: Self.shard(1, of: 1))
    try write("b", to: Self.shard(2, of: 3))
    try writeIndex(["a": Self.shard(1, of: 1)])
    let checkpoint = try Checkpoint.open(directory.path)
    #expect(checkpoint.findings.map(\.code) == [.duplicateWeights])
  }

  static let damages: [(contents: String, message: String, fix: String)] = [
    (
      "", "is empty; expected a file of tensors; model.safetensors.index.json names it as a shard",
      "fetch "
    ),
    (
      "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
      "is a Git LFS pointer, not the file itself, not a checkpoint; "
        + "model.safetensors.index.json names it as a shard", "git lfs pull"
    ),
  ]

  @Test(arguments: damages) func `a shard that is not there comes with what to do`(
    _ contents: String, _ message: String, _ fix: String
  ) throws {
    try Data(contents.utf8).write(to: URL(filePath: directory.path(Self.shard(1))))
    try writeIndex(["a": Self.shard(1)])
    let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(directory.path) }
    #expect(error?.message == message)
    #expect(error?.fix?.hasPrefix(fix) == true)
  }

  @Test func `shards that are absent are all listed where that is asked for`() throws {
    try write("a", to: Self.shard(2, of: 3))
    try writeIndex([
      "a": Self.shard(2, of: 3), "b": Self.shard(1, of: 3), "c": Self.shard(3, of: 3),
      "d": Self.shard(3, of: 3),
    ])
    let checkpoint = try Checkpoint.open(directory.path, options: .init(listsAbsentShards: true))
    #expect(checkpoint.records.map(\.name) == ["a"])
    #expect(checkpoint.absentShards.map(\.name) == [Self.shard(1, of: 3), Self.shard(3, of: 3)])
    #expect(checkpoint.absentShards.map { $0.tensors.sorted() } == [["b"], ["c", "d"]])
    let message =
      "no such file or directory; model.safetensors.index.json names it as a shard, and"
    #expect(
      checkpoint.findings.map(\.message) == [
        "\(Self.shard(1, of: 3)): \(message) 1 tensor is to be in it; fetch "
          + "\(directory.path(Self.shard(1, of: 3))) again",
        "\(Self.shard(3, of: 3)): \(message) 2 tensors are to be in it; fetch "
          + "\(directory.path(Self.shard(3, of: 3))) again",
      ])
    #expect(checkpoint.findings.allSatisfy { $0.severity == .error && $0.code == .indexMismatch })
    #expect(checkpoint.findings.allSatisfy { $0.fix == nil })
    #expect(throws: CheckpointError.self) { try Checkpoint.open(directory.path) }
  }

  static let whole = "model.safetensors"
  static let stale: [(map: [String: String], message: String?)] = [
    (["a": whole], nil),
    (
      ["a": "model-00001-of-00002.safetensors"],
      "the same names into model-00001-of-00002.safetensors"
    ),
    (
      ["b": "model-00001-of-00002.safetensors", "c": "model-00002-of-00002.safetensors"],
      "2 names, 2 of them not in that file, into 2 files"
    ),
    (["a": whole, "b": whole], "2 names, 1 of them not in that file, into model.safetensors"),
  ]

  @Test(arguments: stale) func `an index beside the whole file is told where it tells otherwise`(
    _ map: [String: String], _ message: String?
  ) throws {
    try write("a", to: Self.whole)
    try writeIndex(map)
    let findings = try Checkpoint.open(directory.path).findings
    #expect(
      findings.map(\.message)
        == [message].compactMap(\.self).map {
          "model.safetensors.index.json lies beside model.safetensors, which is loaded instead of "
            + "it; it puts \($0), nothing of which is read: remove what is not meant"
        })
    #expect(findings.allSatisfy { $0.severity == .warning && $0.code == .indexMismatch })
  }

  @Test func `a shard may be named as a path in the same directory`() throws {
    try write("a", to: Self.shard(1, of: 1))
    try writeIndex(["a": "./" + Self.shard(1, of: 1)])
    let checkpoint = try Checkpoint.open(directory.path)
    #expect(checkpoint.records.map(\.name) == ["a"])
    #expect(checkpoint.shards.map(\.name) == [Self.shard(1, of: 1)])
    #expect(checkpoint.findings.isEmpty)
  }

  @Test func `an index without metadata is told, as nothing else loads it`() throws {
    try write("a", to: Self.whole)
    let index = directory.path("other.safetensors.index.json")
    try Data(#"{"weight_map": {"a": "model.safetensors"}}"#.utf8).write(to: URL(filePath: index))
    let findings = try Checkpoint.open(index).findings
    #expect(
      findings.map(\.message) == [
        "other.safetensors.index.json has no \"metadata\", without which transformers and diffusers "
          + "do not load it; expected \"metadata\": {} at least"
      ])
    #expect(findings.map(\.severity) == [.warning])
  }
}
