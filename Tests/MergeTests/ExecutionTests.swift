import Compute
import Formats
import Inspect
import TestSupport
import Testing

@testable import Merge

@Suite struct ExecutionTests {
  static let groups = [
    ("peft/gptneox-f32", "base-sharded", "adapter-plain"),
    ("peft/gpt2-f32", "base", "adapter-fan-in-fan-out"),
  ]

  @Test(arguments: groups)
  func `deltas of one tensor add up`(group: String, base: String, adapter: String) throws {
    let base = try Fixtures.checkpoint("\(group)/\(base)")
    let options = OutputOptions(isSingleFile: true)
    let once = try AdapterMerge(
      base: base, adapter: try Fixtures.adapter("\(group)/\(adapter)"), options: options
    ).plan
    var deltas: [ExactName: TensorUpdate] = [:]
    for tensor in once.tensors {
      guard case .update(var update) = tensor.operation else { continue }
      update.steps += update.steps
      deltas[ExactName(tensor.name)] = update
    }
    #expect(!deltas.isEmpty)
    let twice = try PlanBuilder(base: base, options: options).plan(updates: deltas, findings: [])
    let first = try run(once, threads: 1)
    let second = try run(twice, threads: 2)
    for name in twice.tensors.map(\.name) {
      let start = try floats(name, of: base)
      let middle = try floats(name, of: first.output)
      let end = try floats(name, of: second.output)
      #expect(!end.isEmpty, "\(name)")
      if deltas[ExactName(name)] == nil { #expect(start == end, "\(name)") }
      // Two steps of the same length, but for the roundings of float32.
      let difference = zip(zip(start, middle), end).map { abs($1 - $0.1 - ($0.1 - $0.0)) }.max()
      #expect((difference ?? 1) < 1e-6, "\(name)")
    }
  }

  @Test(arguments: [1, 2, 5])
  func `statistics come in the order of the plan, whoever computed them`(threads: Int) throws {
    let plan = try AdapterMerge(
      base: try Fixtures.checkpoint("peft/llama-bf16/base"),
      adapter: try Fixtures.adapter("peft/llama-bf16/adapter-plain"),
      options: OutputOptions(threads: threads, isSingleFile: true)
    ).plan
    let expected = try run(plan, threads: 1).statistics
    let found = try run(plan, threads: threads).statistics
    let names = plan.tensors.compactMap { tensor -> String? in
      if case .update = tensor.operation { tensor.name } else { nil }
    }
    #expect(found.map(\.name) == names)
    #expect(found.map(\.statistics) == expected.map(\.statistics))
  }

  @Test func `progress counts the bytes of all tensors`() throws {
    let plan = try AdapterMerge(
      base: try Fixtures.checkpoint("peft/llama-bf16/base"),
      adapter: try Fixtures.adapter("peft/llama-bf16/adapter-plain"),
      options: OutputOptions(isSingleFile: true)
    ).plan
    let progress = Progress(total: plan.byteCount)
    #expect(progress.done == 0)
    _ = try run(plan, threads: 2, progress: progress)
    #expect(progress.done == plan.tensors.reduce(0) { $0 + $1.byteCount })
    #expect(progress.done <= progress.total)
  }
}
