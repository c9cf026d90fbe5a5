import Formats
import TestSupport

@testable import Merge

/// Carries out the plan of a single file and opens what it wrote.
func run(_ plan: MergePlan, threads: Int = 1, progress: Progress? = nil) throws -> (
  output: Checkpoint, statistics: Execution.Statistics, directory: TemporaryDirectory
) {
  let directory = TemporaryDirectory()
  let transaction = try OutputTransaction(
    path: directory.path("merged.safetensors"), force: false, inputs: [])
  let statistics = try Execution(plan, threads: threads)
    .run(transaction, progress: progress ?? Progress(total: plan.byteCount)).statistics
  return (try Checkpoint.open(transaction.path), statistics, directory)
}
