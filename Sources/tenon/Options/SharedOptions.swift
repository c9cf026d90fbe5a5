import ArgumentParser
import Formats
import Inspect

/// Which tensors a command is to speak of.
struct FilterOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Only tensors whose whole name matches (repeatable).",
      discussion:
        "* stands for one segment between dots, ** for any, {a,b} for either, [0-9] for one.",
      valueName: "glob"))
  var include: [String] = []

  @Option(help: ArgumentHelp("Leave out tensors whose whole name matches.", valueName: "glob"))
  var exclude: [String] = []

  func validate() throws {
    try requireUsage { () throws(CheckpointError) in _ = try filter() }
  }

  func filter() throws(CheckpointError) -> NameFilter {
    try NameFilter(include: include, exclude: exclude)
  }
}
