import Compute
import Formats
import TestSupport
import Testing

struct SafetensorsReaderTests {
  /// What the real reader says of a file, and what is expected here.
  struct Verdict: Sendable, CustomTestStringConvertible {
    let path: String
    let isAccepted: Bool
    var testDescription: String { "\(path) → \(isAccepted ? "read" : "refused")" }

    static let all: [Verdict] = {
      guard let document = try? InputFile.json(at: Fixtures.path("safetensors/expected.json"))
      else {
        return []
      }
      return (document["files"]?.array ?? []).compactMap { file in
        guard let path = file["path"]?.string, let verdict = file["tenon"]?.string else {
          return nil
        }
        return Verdict(path: path, isAccepted: verdict == "ok")
      }
    }()
  }

  @Test func `the table of verdicts is complete`() {
    #expect(Verdict.all.filter(\.isAccepted).count > 30)
    #expect(Verdict.all.filter { !$0.isAccepted }.count > 70)
  }

  @Test(arguments: Verdict.all) func `files are read or refused as expected`(verdict: Verdict) {
    let path = Fixtures.path("safetensors/" + verdict.path)
    if verdict.isAccepted {
      #expect(throws: Never.self) { try Checkpoint.open(path) }
    } else {
      let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(path) }
      #expect(error?.path?.hasPrefix(Fixtures.path("safetensors/damaged")) == true)
    }
  }

  @Test func `all that a file says is in its records`() throws {
    let path = Fixtures.path("safetensors/good/every-type.safetensors")
    let checkpoint = try Checkpoint.open(path)
    #expect(checkpoint.format == .safetensors)
    #expect(checkpoint.shards.map(\.name) == ["every-type.safetensors"])
    for record in checkpoint.records {
      #expect(record.plainExtent?.count == record.byteCount)
    }
    #expect(Set(checkpoint.records.compactMap(\.type.element)).count >= 18)
  }

  /// A header, the data behind it, and the text of the error.
  static let faults: [(String, [UInt8], String)] = [
    (
      #"{"a":{"dtype":"F16","shape":[8,8],"data_offsets":[0,64]}}"#,
      [UInt8](repeating: 0, count: 64),
      #"byte 9: tensor "a": data_offsets 0..<64 hold 64 bytes, but F16 [8, 8] needs 128"#
    ),
    (
      #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0061":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#,
      [0, 0], #"byte 61: the header holds the name "a" twice"#
    ),
    (
      #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U9"}}"#,
      [0], #"byte 61: the header holds the name "a" twice"#
    ),
    (
      #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"b":7}"#,
      [0, 0], #"byte 61: the header holds the name "a" twice"#
    ),
    (
      #"{"a":{"dtype":"U8","sh\u0061pe":[1],"shape":[1],"data_offsets":[0,1]}}"#,
      [0], #"byte 44: tensor "a": the header holds the name "shape" twice"#
    ),
    (
      #"{"a":{"dtype":{"F32":null},"shape":[],"data_offsets":[0,4]}}"#, [0, 0, 0, 0],
      #"byte 22: tensor "a": dtype in double quotes expected, but found "{""#
    ),
    (
      #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#, [0, 0],
      #"byte 9: tensor "a": its data begins at 1, but the tensor before it ends at 0; no tensor covers the bytes between"#
    ),
    (
      #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#, [0],
      "the tensors need 2 bytes of data, but the file has only 1; it is cut off"
    ),
    (
      #"{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}"#, [0, 0],
      #"byte 9: tensor "a": F4 [3] has 3 elements of 4 bits, which is no whole number of bytes"#
    ),
    (
      #"{"a":{"dtype":"U8","shape":[9223372036854775807,2],"data_offsets":[0,2]}}"#, [0, 0],
      #"byte 9: tensor "a": the size of shape [9223372036854775807, 2] does not fit into 63 bits"#
    ),
  ]

  @Test(arguments: faults) func `errors say where, what and what was expected`(
    header: String, data: [UInt8], text: String
  ) throws {
    let directory = TemporaryDirectory()
    let path = try directory.write(safetensors(header, data: data), to: "x.safetensors")
    let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(path) }
    #expect(error?.description == "\(path): \(text)")
  }

  @Test func `no truncation traps or is read`() throws {
    let whole = try Fixtures.bytes("safetensors/good/scalar.safetensors")
    let directory = TemporaryDirectory()
    for count in 0..<whole.count {
      let path = try directory.write(Array(whole.prefix(count)), to: "cut.safetensors")
      #expect(throws: CheckpointError.self) { try Checkpoint.open(path) }
    }
  }

  @Test func `mutations never trap`() throws {
    let seed = UInt64.random(in: 0 ..< .max)
    print("seed of the mutations: \(seed)")
    var generator = SeededGenerator(seed: seed)
    let whole = try Fixtures.bytes("safetensors/good/several-metadata.safetensors")
    let directory = TemporaryDirectory()
    for _ in 0..<2000 {
      var mutated = whole
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        mutated[Int.random(in: mutated.indices, using: &generator)] =
          UInt8.random(in: 0...255, using: &generator)
      }
      let path = try directory.write(mutated, to: "mutated.safetensors")
      do {
        let checkpoint = try Checkpoint.open(path)
        #expect(checkpoint.records.allSatisfy { $0.byteCount <= whole.count })
      } catch {
        #expect(!error.message.isEmpty)
      }
    }
  }

  @Test func `a hundred thousand tensors are read`() throws {
    var header = "{"
    for index in 0..<100_000 {
      header += index > 0 ? "," : ""
      header +=
        #""layers.\#(index).weight":{"dtype":"U8","shape":[1],"data_offsets":[\#(index),\#(index + 1)]}"#
    }
    header += "}"
    let directory = TemporaryDirectory()
    let path = try directory.write(
      safetensors(header, data: [UInt8](repeating: 7, count: 100_000)), to: "many.safetensors")
    #expect(try Checkpoint.open(path).records.count == 100_000)
  }
}
