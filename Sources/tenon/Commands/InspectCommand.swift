import ArgumentParser
import Formats
import Inspect
import Merge

/// `tenon inspect`: what is in a file.
struct InspectCommand: CheckpointCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show what a checkpoint or an adapter holds.",
    discussion: """
      Prints the format, the kind, totals by type and every tensor in natural order; for an \
      adapter its card as well: family, base, rank, alpha, scale and targets. Reads headers only, \
      so that the size of the file does not matter, unless --stats or --hash asks for values.
      """)

  @Argument(help: "Files, indexes or directories.", completion: .file())
  var paths: [String]

  @Flag(help: "Print the names of the tensors, one a line, and nothing else.")
  var keys = false

  @Flag(help: "Collapse repeated layers: one line for tensors that differ only in numbers.")
  var tree = false

  @Flag(help: "Read the values: minimum, maximum, mean, deviation, NaN, infinite, zeros.")
  var stats = false

  @Flag(help: "Read the values: SHA-256 of each tensor's bytes in row-major order.")
  var hash = false

  @OptionGroup(title: HDF5Options.title)
  var hdf5: HDF5Options

  @OptionGroup(title: "Which tensors")
  var filter: FilterOptions

  @Flag(help: "Show no progress.")
  var quiet = false

  @Flag(help: "Print one JSON object, see tenon-json(5).")
  var json = false

  func validate() throws {
    if keys || tree, stats || hash {
      throw ValidationError("--stats and --hash go with the full list or --json")
    }
    if keys, tree { throw ValidationError("--keys and --tree exclude each other") }
    if keys || tree, json {
      throw ValidationError("--json prints every tensor; leave out --keys and --tree")
    }
  }

  func perform() throws(CheckpointError) -> ExitCode {
    let filter = try filter.filter()
    var results: [Inspection] = []
    var summaries: [[ExactName: TensorSummary]] = []
    var failures: [CheckpointError] = []
    let options = hdf5.opening(Checkpoint.OpeningOptions(listsAbsentShards: true))
    for path in paths {
      do throws(CheckpointError) {
        let checkpoint = try Checkpoint.open(path, options: options)
        failures += checkpoint.absentShards.prefix(1).map(\.reason)
        let inspection = Inspection(checkpoint, filter: filter)
        summaries.append(try self.summaries(of: inspection))
        results.append(inspection)
      } catch {
        // One of several that cannot be read does not hide the others, unless the user
        // has had enough.
        guard paths.count > 1 else { throw error }
        try Interruption.check()
        failures.append(error)
      }
    }
    if json {
      StandardOutput.write(
        InspectionJSON.document(
          results, summaries, isList: paths.count > 1, failure: failures.first
        ) {
          StandardOutput.write($0)
        })
    } else if keys {
      StandardOutput.write(results.map(InspectionText.keys).joined())
    } else {
      StandardOutput.write(
        zip(results, summaries).map { InspectionText.report($0, tree: tree, $1) }
          .joined(separator: "\n"))
    }
    for failure in failures { StandardError.report(failure) }
    endProcess(failures.isEmpty ? .success : ExitCode(2), keeping: results)
  }

  /// What the values are like, by name, where that was asked for.
  private func summaries(of inspection: Inspection) throws(CheckpointError)
    -> [ExactName: TensorSummary]
  {
    guard stats || hash else { return [:] }
    let progress = Progress(total: inspection.records.reduce(0) { $0 + $1.byteCount })
    return try ProgressLine.show(progress, quiet: quiet) { () throws(CheckpointError) in
      var summaries: [ExactName: TensorSummary] = [:]
      for record in inspection.records {
        progress.begin(record.name)
        summaries[ExactName(record.name)] = try TensorSummary(record, statistics: stats, hash: hash)
        progress.add(record.byteCount)
      }
      return summaries
    }
  }
}
