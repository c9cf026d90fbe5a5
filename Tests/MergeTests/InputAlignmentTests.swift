import Formats
import Inspect
import TestSupport
import Testing

@testable import Merge

@Suite struct InputAlignmentTests {
  /// A file of one tensor of `count` bytes, under a name of 300 letters.
  private func input(in directory: TemporaryDirectory, count: Int) throws {
    let name = String(repeating: "n", count: 300)
    let header = safetensorsHeader([(name, "U8", [count], count)])
    let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    try directory.write(header + body, to: "in.safetensors")
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
    let directory = TemporaryDirectory()
    let count = PlannedFile.minimumAlignedByteCount
    try input(in: directory, count: count)
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
    let directory = TemporaryDirectory()
    try input(in: directory, count: 100)
    let (_, output) = try remapped(directory)
    let header = safetensorsHeader([("m", "U8", [100], 100)])
    #expect(output.records[0].plainExtent?.offset == header.count)
  }
}
