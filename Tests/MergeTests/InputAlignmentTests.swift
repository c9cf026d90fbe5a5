import Formats
import Foundation
import Inspect
import Testing

@testable import Merge

@Suite struct InputAlignmentTests {
  /// A file of one tensor of `count` bytes, under a name of `length` letters.
  private func file(_ path: String, count: Int, length: Int) throws {
    let name = String(repeating: "n", count: length)
    let header = #"{"\#(name)":{"dtype":"U8","shape":[\#(count)],"data_offsets":[0,\#(count)]}}"#
    let padding = String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
    let text = Array((header + padding).utf8)
    let prefix = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
    let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    try Data(prefix + text + body).write(to: URL(filePath: path))
  }

  private func remapped(_ directory: TemporaryDirectory) throws -> (RemapPlan, Checkpoint) {
    let input = try Checkpoint.open(directory.path("in.safetensors"))
    var draft = try RenamingDraft(input)
    try draft.apply(KeyMap([try RenameRule(pattern: "n+", replacement: "m")]), as: .rule)
    let output = directory.path("out.safetensors")
    let plan = try RemapPlan(draft, of: input, options: OutputOptions(isSingleFile: true))
    let transaction = try OutputTransaction(path: output, force: false, inputs: [])
    _ = try Execution(plan.plan, threads: 2).run(
      transaction, progress: Progress(total: plan.plan.byteCount))
    return (plan, try Checkpoint.open(output))
  }

  @Test func `large data keeps its place in its block`() throws {
    let directory = try TemporaryDirectory()
    let count = PlannedFile.minimumAlignedByteCount
    try file(directory.path("in.safetensors"), count: count, length: 300)
    let (plan, output) = try remapped(directory)
    let input = try Checkpoint.open(directory.path("in.safetensors"))
    let place = try #require(output.records.first?.plainExtent)
    let old = try #require(input.records.first?.plainExtent)
    #expect(place.offset % OutputFile.blockSize == old.offset % OutputFile.blockSize)
    #expect(plan.plan.files[0].layout.byteCount == place.file.size)
    #expect(
      try TensorData.bytes(of: output.records[0]) == TensorData.bytes(of: input.records[0]))
  }

  @Test func `small data has the shortest header`() throws {
    let directory = try TemporaryDirectory()
    try file(directory.path("in.safetensors"), count: 100, length: 300)
    let (_, output) = try remapped(directory)
    let header = #"{"m":{"dtype":"U8","shape":[100],"data_offsets":[0,100]}}"#
    #expect(output.records[0].plainExtent?.offset == 8 + (header.utf8.count + 7) / 8 * 8)
  }
}
