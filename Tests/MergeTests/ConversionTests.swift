import Compute
import Formats
import Foundation
import Inspect
import OrderedCollections
import TestSupport
import Testing

@testable import Merge

@Suite struct ConversionTests {
  private let directory: TemporaryDirectory

  init() throws { directory = TemporaryDirectory() }

  // There and back.

  static let models = [
    "peft/llama-bf16/base", "peft/llama-f16/base", "peft/gpt2-f32/base",
    "safetensors/good/every-type.safetensors", "safetensors/good/several-metadata.safetensors",
    "safetensors/good/zero-size.safetensors",
  ]

  @Test(arguments: models) func `safetensors through PyTorch and back are the same bytes`(
    model: String
  ) throws {
    // F6 types are the only ones that torch does not have.
    let filter = try NameFilter(exclude: ["f6_*"])
    let there = try convert(
      Fixtures.path(model), to: "there.bin", OutputOptions(format: .pytorch, isSingleFile: true),
      filter: filter)
    let back = try convert(there.path, to: "back.safetensors", single(.safetensors))
    let original = try Checkpoint.open(Fixtures.path(model))
    #expect(try bytes(back.path) == bytes(original.shards[0].file.path))
    #expect(back.report.findings.isEmpty)
  }

  @Test func `metadata comes back in the order that it had`() throws {
    let header =
      #"{"__metadata__":{"z":"1","format":"np","a":"2"},"#
      + #""t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}} "#
    let padded = header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
    let original = safetensors(padded, data: [7])
    let path = try directory.write(original, to: "there.safetensors")
    let there = try convert(path, to: "there.bin", single(.pytorch))
    let back = try convert(there.path, to: "back.safetensors", single(.safetensors))
    let trimmed = header.utf8.dropLast()
    let room = (8 - trimmed.count % 8) % 8
    let expected =
      [UInt8(trimmed.count + room), 0, 0, 0, 0, 0, 0, 0] + Array(trimmed)
      + [UInt8](repeating: 0x20, count: room) + [7]
    #expect(try bytes(back.path) == expected)
  }

  @Test func `the number of threads and the memory change no byte`() throws {
    let path = Fixtures.path("peft/llama-bf16/base")
    var outputs: [[UInt8]] = []
    for (threads, memory) in [(1, 1 << 30), (3, 1 << 30), (2, (16 << 20) + 100_000)] {
      var options = single(.pytorch)
      options.threads = threads
      options.maximumMemory = memory
      options.type = .f8e4m3
      outputs.append(try bytes(try convert(path, to: "\(outputs.count).bin", options).path))
    }
    #expect(outputs[0] == outputs[1])
    #expect(outputs[0] == outputs[2])
  }

  @Test func `views, deflated records and big-endian files come out row by row`() throws {
    for name in ["views", "deflated", "big-endian", "legacy", "tar"] {
      let path = Fixtures.path("pytorch/\(name).pt")
      let result = try convert(path, to: "\(name).bin", single(.pytorch))
      let before = try Checkpoint.open(path).records
      let after = try Checkpoint.open(result.path).records
      #expect(after.map(\.name) == before.map(\.name), "\(name)")
      for (old, new) in zip(before, after) {
        #expect(new.plainExtent != nil)
        #expect(try TensorData.bytes(of: old) == TensorData.bytes(of: new), "\(name) \(old.name)")
      }
      #expect(try PyTorchReader.checksumFindings(InputFile(path: result.path)).isEmpty)
    }
  }

  @Test(arguments: [nil, ElementType.f64])
  func `deflated tensors are read from front to back and need no memory of their own`(
    _ type: ElementType?
  ) throws {
    let path = Fixtures.path("pytorch/deflated.pt")
    let input = try Checkpoint.open(path)
    #expect(input.records.filter(\.isStreamed).isEmpty == false)
    var options = single(.pytorch)
    options.type = type
    options.threads = 3
    let conversion = try CheckpointConversion(
      input, filter: NameFilter(), keepsShared: false, options: options)
    let largest = conversion.plan.tensors.filter { !$0.isStreamed }
      .map(\.source.gatheredByteCount).max()
    #expect(conversion.plan.memory.shared == (16 << 20) + 2 * (largest ?? 0))
    let result = try convert(path, to: "x.bin", options)
    #expect(try PyTorchReader.checksumFindings(InputFile(path: result.path)).isEmpty)
    for (old, new) in zip(input.records, try Checkpoint.open(result.path).records) {
      let (before, after) = (try values(old), try values(new))
      #expect(before == after, "\(old.name)")
    }
  }

  @Test func `a stream gives the bytes of a deflated tensor`() throws {
    let records = try Fixtures.checkpoint("pytorch/deflated.pt").records.filter(\.isStreamed)
    for record in records {
      let whole = try TensorData.bytes(of: record)
      var stream = try TensorStream(record)
      var pieces: [UInt8] = []
      let width = max(1, record.type.bitWidth / 8)
      while pieces.count < whole.count {
        var buffer = AlignedBuffer(byteCount: width)
        try buffer.withMutableBytes { (span) throws(CheckpointError) in
          try stream.read(into: &span)
        }
        buffer.withBytes { bytes in
          for i in 0..<width {
            pieces.append(unsafe bytes.unsafeLoad(fromByteOffset: i, as: UInt8.self))
          }
        }
      }
      #expect(pieces == whole, "\(record.name)")
    }
  }

  @Test func `a view that does not fit into the memory is named with the memory it needs`() throws {
    let file = try InputFile(path: Fixtures.path("pytorch/expanded.pt"))
    let extent = Extent(file: file, offset: 0, count: 64 << 20)
    var checkpoint = Checkpoint(path: "x.pt", format: .pytorchZip)
    for (codec, words) in [
      (Codec.stored, "is a view, whose storage is gathered"),
      (.deflate(decodedByteCount: 64 << 20), "is deflated, and inflated as a whole"),
    ] {
      let view = TensorBytes(
        extents: [extent], codec: codec, view: StridedView(offset: 0, strides: [1, 4096]))
      checkpoint.records = [
        TensorRecord(name: "t", type: .element(.f32), shape: [4096, 4096], bytes: view)
      ]
      var options = single(.safetensors)
      options.maximumMemory = 100 << 20
      let error = try #require(throws: CheckpointError.self) {
        try CheckpointConversion(
          checkpoint, filter: NameFilter(), keepsShared: false, options: options)
      }
      #expect(
        error.description.hasPrefix(
          #"x.pt: tensor "t": \#(words), which takes 67108864 bytes of memory; "#))
      #expect(error.message.hasSuffix(", but --max-memory allows 104857600"))
      #expect(error.fix?.hasPrefix("raise --max-memory to ") == true)
    }
  }

  // Names and files.

  @Test func `a directory has the names that its format gives it`() throws {
    let path = Fixtures.path("peft/llama-bf16/base-sharded")
    var options = OutputOptions(format: .pytorch, maximumShardSize: 20_000)
    let shards = try convert(path, to: "shards", options)
    #expect(
      shards.report.files == [
        "pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin",
      ])
    let names = try FileManager.default.contentsOfDirectory(atPath: shards.path).sorted()
    #expect(
      names == [
        "config.json", "generation_config.json", "pytorch_model-00001-of-00002.bin",
        "pytorch_model-00002-of-00002.bin", "pytorch_model.bin.index.json",
      ])
    options.maximumShardSize = 5_000_000_000
    options.format = .safetensors
    let whole = try convert(shards.path, to: "whole", options)
    #expect(whole.report.files == ["model.safetensors"])
    #expect(
      try bytes(whole.path + "/model.safetensors")
        == bytes(Fixtures.path("peft/llama-bf16/base/model.safetensors")))
  }

  @Test func `an adapter stays an adapter`() throws {
    let path = Fixtures.path("peft/llama-bf16/adapter-plain")
    // Smaller than its tensors: PEFT knows no shards.
    let result = try convert(
      path, to: "adapter", OutputOptions(format: .pytorch, maximumShardSize: 10))
    let names = try FileManager.default.contentsOfDirectory(atPath: result.path).sorted()
    #expect(names == ["adapter_config.json", "adapter_model.bin"])
    let back = try convert(result.path, to: "back", OutputOptions())
    #expect(
      try bytes(back.path + "/adapter_model.safetensors")
        == bytes(path + "/adapter_model.safetensors"))
  }

  @Test func `only the chosen tensors go out`() throws {
    let result = try convert(
      Fixtures.path("peft/llama-bf16/base-sharded"), to: "some", OutputOptions(),
      filter: NameFilter(include: ["**.layers.1.**"], exclude: ["**.mlp.**"]))
    let names = try Checkpoint.open(result.path).records.map(\.name)
    #expect(!names.isEmpty)
    #expect(names.allSatisfy { $0.contains(".layers.1.") && !$0.contains(".mlp.") })
    let error = #expect(throws: CheckpointError.self) {
      try convert(
        Fixtures.path("safetensors/good/scalar.safetensors"), to: "none", OutputOptions(),
        filter: NameFilter(include: ["nothing"]))
    }
    #expect(error?.message == "none of its 1 tensors passes --include and --exclude")
  }

  // Shared tensors: a = b, and c, first-half and second-half are parts of them.

  static let shared = "pytorch/shared-storage.pt"

  @Test func `of shared tensors one is kept and the others are noted`() throws {
    let result = try convert(
      Fixtures.path(Self.shared), to: "noted.safetensors", single(.safetensors))
    #expect(result.report.shared == [SharedTensors.Group(kept: "a", others: ["b"])])
    let checkpoint = try Checkpoint.open(result.path)
    #expect(checkpoint.metadata == ["b": "a", "format": "pt"])
    #expect(
      Set(checkpoint.records.map(\.name)) == ["a", "c", "alone", "first-half", "second-half"])
  }

  @Test func `noted names share a storage again in a PyTorch file`() throws {
    let noted = try convert(
      Fixtures.path(Self.shared), to: "noted.safetensors", single(.safetensors))
    let restored = try convert(noted.path, to: "restored.bin", single(.pytorch))
    #expect(restored.report.tensorCount == 6)
    #expect(restored.report.shared == [SharedTensors.Group(kept: "a", others: ["b"])])
    let records = try Checkpoint.open(restored.path).records
    let places = Dictionary(uniqueKeysWithValues: records.map { ($0.name, $0.plainExtent?.offset) })
    #expect(places["a"] == places["b"])
    let again = try convert(restored.path, to: "again.safetensors", single(.safetensors))
    #expect(try bytes(again.path) == bytes(noted.path))
  }

  @Test func `a PyTorch file keeps the order of names that share a storage`() throws {
    let result = try convert(Fixtures.path(Self.shared), to: "shared.bin", single(.pytorch))
    let before = try Fixtures.checkpoint(Self.shared).records
    let after = try Checkpoint.open(result.path).records
    #expect(after.map(\.name) == before.map(\.name))
    #expect(after[0].plainExtent?.offset == after[1].plainExtent?.offset)
  }

  @Test(arguments: [OutputFormat.safetensors, .pytorch])
  func `shared tensors are written one by one if asked for`(_ format: OutputFormat) throws {
    let result = try convert(
      Fixtures.path(Self.shared), to: "all" + format.fileSuffixes[0], single(format),
      keepsShared: true)
    #expect(result.report.shared.isEmpty)
    let checkpoint = try Checkpoint.open(result.path)
    #expect(checkpoint.records.count == 6)
    #expect(Set(checkpoint.records.map { $0.plainExtent?.offset }).count == 6)
    #expect(checkpoint.metadata == (format == .safetensors ? ["format": "pt"] : [:]))
  }

  @Test func `a note about a tensor that is left out is left out as well`() throws {
    let noted = try convert(
      Fixtures.path(Self.shared), to: "noted.safetensors", single(.safetensors))
    let result = try convert(
      noted.path, to: "without.safetensors", single(.safetensors),
      filter: NameFilter(exclude: ["a"]))
    #expect(try Checkpoint.open(result.path).metadata == ["format": "pt"])
  }

  // What a type cannot hold.

  @Test func `what a conversion loses is counted per tensor`() throws {
    let path = Fixtures.path("peft/gpt2-f32/base")
    var options = single(.safetensors)
    options.type = .f8e4m3
    let result = try convert(path, to: "small.safetensors", options)
    let first = try #require(
      result.report.lost.first { $0.name.contains("h.0.attn.c_attn.weight") })
    let before = try floats(first.name, of: Fixtures.checkpoint("peft/gpt2-f32/base"))
    let narrow = try #require(
      try Checkpoint.open(result.path).records.first { $0.name == first.name })
    #expect(narrow.type == .element(.f8e4m3))
    let codes = try TensorData.bytes(of: narrow)
    var after = [Float](repeating: 0, count: before.count)
    var span = after.mutableSpan
    unsafe Conversion.widen(codes.span.bytes, of: .f8e4m3, into: &span)
    let changed = zip(before, after).filter { $0 != $1 }.count
    let underflow = zip(before, after).filter { $0 != 0 && $1 == 0 }.count
    #expect(changed > 0)
    #expect(first.losses == ConversionLosses(underflow: underflow, changed: changed))
    #expect(first.elementCount == before.count)
    #expect(result.report.conversions.map(\.count) == [result.report.converted])
  }

  @Test func `a conversion that keeps every value tells of none`() throws {
    var options = single(.safetensors)
    options.type = .f32
    let result = try convert(Fixtures.path("peft/llama-bf16/base"), to: "wide.safetensors", options)
    #expect(result.report.converted > 0)
    #expect(result.report.lost.isEmpty)
  }

  // Refusals and findings.

  static let refusals: [(String, OutputFormat, String)] = [
    (
      "safetensors/good/f6-e2m3-four-values.safetensors", .pytorch,
      "tensor \"a\": is F6_E2M3, for which PyTorch has no type"
    ),
    (
      "pytorch/quantised.pt", .safetensors,
      "tensor \"q\": is qint8, for which safetensors has no type; "
        + "in all 2 tensors cannot be written"
    ),
    (
      "pytorch/quantised.pt", .pytorch,
      "tensor \"q\": is qint8, whose scale would be lost; quantised tensors are not written; "
        + "in all 2 tensors cannot be written"
    ),
    (
      "pytorch/meta.pt", .safetensors,
      "tensor \"m\": has no data in its file (F32); expected a tensor with values"
    ),
  ]

  @Test(arguments: refusals) func `what cannot be written is refused by name`(
    _ input: String, _ format: OutputFormat, _ message: String
  ) throws {
    let error = #expect(throws: CheckpointError.self) {
      try convert(Fixtures.path(input), to: "x" + format.fileSuffixes[0], single(format))
    }
    #expect(error?.description == "\(Fixtures.path(input)): \(message)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty)
  }

  @Test func `all tensors that cannot be written are told at once with one way out`() throws {
    let names = (0..<12).map { "q\($0)" } + ["r.0", "r.1"]
    let error = try #require(refusal(of: names.map { tensor($0) } + [known("w")]))
    #expect(error.tensor == "q0")
    #expect(
      error.message
        == "has no data in its file (BF16); expected a tensor with values; "
        + "in all 14 tensors cannot be written")
    #expect(error.details.count == 9)
    #expect(error.details.last == "and 5 more")
    let globs = (0..<12).map { "--exclude q\($0)" } + ["--exclude 'r.{0..1}'"]
    #expect(error.fix == "add \(globs.joined(separator: " "))")
  }

  @Test func `what is refused of all tensors is said once`() throws {
    let error = try #require(refusal(of: (0..<12).map { tensor("q\($0)") }))
    #expect(error.details.isEmpty)
    #expect(error.fix == nil)
  }

  @Test func `a type that another format holds is refused with that format`() throws {
    var record = try known("c")
    record.type = .foreign(name: "complex128", bitWidth: 128)
    let error = try #require(refusal(of: [record, known("w")]))
    #expect(error.message == "is complex128, for which safetensors has no type")
    #expect(
      error.fix
        == "name an output that ends in .bin, which holds complex128, or add --exclude c")
  }

  @Test func `a merge into a directory is told no option that it has not`() throws {
    var record = try known("c")
    record.type = .foreign(name: "complex128", bitWidth: 128)
    var checkpoint = Checkpoint(path: "x.pt", format: .pytorchZip)
    checkpoint.records = [record, try known("w")]
    for (canExclude, fix) in [
      (false, "name an output that ends in .bin, which holds complex128"),
      (true, "--format pytorch, which holds complex128, or add --exclude c"),
    ] {
      let builder = PlanBuilder(
        base: checkpoint, options: OutputOptions(), canExclude: canExclude)
      let error = #expect(throws: CheckpointError.self) {
        try builder.plan(updates: [:], findings: [])
      }
      #expect(error?.fix == fix)
    }
  }

  @Test func `two keys that print the same are refused, unless both are left out`() throws {
    let path = Fixtures.path("pytorch/same-printed-key.pt")
    let error = #expect(throws: CheckpointError.self) {
      try convert(path, to: "x.safetensors", single(.safetensors))
    }
    #expect(
      error?.description
        == path + #": tensor "[3]": two keys of the file print as this name, "#
        + "and only one tensor could be written")
    #expect(
      error?.fix
        == #"choose the container of one of them with --root, or add --exclude '\[3\]'"#)
    // Without them there is nothing left of this file, which is another refusal.
    let other = #expect(throws: CheckpointError.self) {
      try convert(
        path, to: "x.safetensors", single(.safetensors),
        filter: NameFilter(exclude: [#"\[3\]"#]))
    }
    #expect(other?.message == "none of its 1 tensors passes --include and --exclude")
  }

  @Test func `a file without tensors is refused`() throws {
    let error = #expect(throws: CheckpointError.self) {
      try convert(
        Fixtures.path("safetensors/good/empty-reference.safetensors"), to: "x.bin",
        single(.pytorch))
    }
    #expect(error?.message == "holds no tensor to convert")
  }

  @Test func `the report says which container was chosen and what was left out`() throws {
    let result = try convert(
      Fixtures.path("pytorch/params-ema.pt"), to: "x.safetensors", single(.safetensors))
    #expect(result.report.root == ["params_ema"])
    #expect(result.report.left.map(\.path) == ["params.w", "params.b"])
  }

  @Test func `a type that concerns nothing, or cannot hold a sign, is told`() throws {
    var options = single(.safetensors)
    options.type = .f8e8m0
    let float = try convert(
      Fixtures.path("safetensors/good/type-f32.safetensors"), to: "a.safetensors", options)
    #expect(float.report.findings.map(\.code) == [.lossyType])
    let integer = try convert(
      Fixtures.path("safetensors/good/type-i64.safetensors"), to: "b.safetensors", options)
    #expect(integer.report.findings.map(\.code) == [.optionWithoutEffect])
    #expect(
      integer.report.findings.map(\.message) == [
        "--dtype F8_E8M0 changes nothing: it concerns float tensors, and there is none"
      ])
  }

  @Test func `nothing is said of sharing with a tensor that is left out`() throws {
    let result = try convert(
      Fixtures.path(Self.shared), to: "x.safetensors", single(.safetensors),
      filter: NameFilter(exclude: ["b"]))
    #expect(result.report.findings.filter { $0.code == .sharedStorage }.isEmpty)
  }

  @Test func `a view that repeats a few bytes is bounded by the memory`() throws {
    let file = try InputFile(path: Fixtures.path("pytorch/expanded.pt"))
    let view = TensorBytes(
      extents: [Extent(file: file, offset: 0, count: 24)],
      view: StridedView(offset: 0, strides: [0, 0]))
    var checkpoint = Checkpoint(path: "expanded.pt", format: .pytorchZip)
    checkpoint.records = [
      TensorRecord(name: "t", type: .element(.f32), shape: [1 << 20, 1 << 10], bytes: view)
    ]
    let error = #expect(throws: CheckpointError.self) {
      try CheckpointConversion(
        checkpoint, filter: NameFilter(), keepsShared: false, options: single(.safetensors))
    }
    #expect(
      error?.description
        == "expanded.pt: tensor \"t\": takes 4294967296 bytes when written out, "
        + "but its storage has 24; --max-memory allows 1073741824")
  }

  @Test(arguments: [OutputFormat.safetensors, .pytorch], [nil, ElementType.f64])
  func `wrong checksums of the input are told`(_ format: OutputFormat, _ type: ElementType?) throws
  {
    var options = single(format)
    options.type = type
    let path = Fixtures.path("pytorch/wrong-crc.pt")
    let result = try convert(path, to: "x" + format.fileSuffixes[0], options)
    let told = result.report.findings.filter { $0.code == .checksumMismatch }
    #expect(told.count == 1)
    #expect(told == (try PyTorchReader.checksumFindings(InputFile(path: path))))
  }

  // Helpers.

  /// A tensor that has data.
  private func known(_ name: String) throws -> TensorRecord {
    let file = try InputFile(path: Fixtures.path("pytorch/expanded.pt"))
    var record = tensor(name, .u8, [4])
    record.bytes = TensorBytes(Extent(file: file, offset: 0, count: 4))
    return record
  }

  /// Why these tensors cannot be converted to safetensors.
  private func refusal(of records: [TensorRecord]) -> CheckpointError? {
    var checkpoint = Checkpoint(path: "x.pt", format: .pytorchZip)
    checkpoint.records = records
    return #expect(throws: CheckpointError.self) {
      try CheckpointConversion(
        checkpoint, filter: NameFilter(), keepsShared: true, options: single(.safetensors))
    }
  }

  /// The values of a tensor, whatever its type, or its bytes where they are no floats.
  private func values(_ record: TensorRecord) throws -> [Float] {
    let bytes = try TensorData.bytes(of: record)
    guard let type = record.type.element, type.kind == .float, let width = type.byteWidth else {
      return bytes.map(Float.init)
    }
    var floats = [Float](repeating: 0, count: bytes.count / width)
    var span = floats.mutableSpan
    unsafe Conversion.widen(bytes.span.bytes, of: type, into: &span)
    return floats
  }

  private func single(_ format: OutputFormat) -> OutputOptions {
    OutputOptions(format: format, threads: 2, isSingleFile: true)
  }

  private func convert(
    _ path: String, to name: String, _ options: OutputOptions,
    filter: NameFilter? = nil, keepsShared: Bool = false
  ) throws -> (path: String, report: ConversionReport) {
    let conversion = try CheckpointConversion(
      try Checkpoint.open(path), filter: try filter ?? NameFilter(), keepsShared: keepsShared,
      options: options)
    let output = directory.path(name)
    let transaction = try OutputTransaction(path: output, force: false, inputs: [path])
    let results = try Execution(conversion.plan, threads: options.threads)
      .run(transaction, progress: Progress(total: conversion.plan.byteCount))
    return (output, ConversionReport(conversion, format: options.format, results: results))
  }

  private func bytes(_ path: String) throws -> [UInt8] {
    try InputFile(path: path).readAll(limit: 1 << 24)
  }
}
