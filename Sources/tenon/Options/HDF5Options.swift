import ArgumentParser
import Compute
import Formats

/// What an HDF5 file may leave open.
struct HDF5Options: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What joins the groups and the name of an HDF5 dataset (default: a dot).",
      valueName: "text"))
  var hdf5Separator: String?

  @Option(
    help: ArgumentHelp(
      "The type of opaque HDF5 datasets of its width that do not tell theirs.",
      valueName: "type"))
  var assume: ElementTypeName?

  func validate() throws {
    guard let assume, assume.type.byteWidth == nil else { return }
    throw ValidationError("--assume \(assume.type.name): elements of whole bytes are expected")
  }

  /// Has them heeded when a checkpoint is opened.
  func apply(to options: inout Checkpoint.OpeningOptions) {
    options.hdf5Separator = hdf5Separator ?? options.hdf5Separator
    options.assumedType = assume?.type
  }
}
