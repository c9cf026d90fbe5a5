import ArgumentParser
import Compute
import Formats
import Inspect

/// What an HDF5 file may leave open.
struct HDF5Options: ParsableArguments {
  /// The heading over them in the help of every command.
  static let title = "Reading HDF5"

  @Option(
    help: ArgumentHelp(
      "What joins the groups and the name of an HDF5 dataset (default: a dot).",
      valueName: "text"))
  var hdf5Separator: String?

  @Option(
    help: ArgumentHelp(
      "The type of opaque HDF5 datasets of its width that do not tell theirs; once a width.",
      valueName: "type"))
  var assume: [AssumedTypeName] = []

  func validate() throws {
    for (position, name) in assume.enumerated() {
      let width = name.type.bitWidth
      guard let other = assume[..<position].first(where: { $0.type.bitWidth == width }) else {
        continue
      }
      throw ValidationError(
        "--assume \(name.type.name): \(other.type.name) has \(width) bits as well; expected one "
          + "type a width")
    }
  }

  /// How checkpoints are opened that these are to be heeded for.
  func opening(_ options: Checkpoint.OpeningOptions = Checkpoint.OpeningOptions())
    -> Checkpoint.OpeningOptions
  {
    var opening = options
    opening.hdf5Separator = hdf5Separator ?? options.hdf5Separator
    opening.assumedTypes = assume.map(\.type)
    return opening
  }

  /// Opens the checkpoint at `path` as they say.
  func open(_ path: String) throws(CheckpointError) -> Checkpoint {
    try Checkpoint.open(path, options: opening())
  }

  /// Takes names from what `path` leads to as they say.
  func keys(_ path: String) throws(CheckpointError) -> KeySource {
    try KeySource(path, options: opening())
  }

  /// Opens what names are only looked up in, which a pipe may bring as well.
  func wantedKeys(_ path: String) throws(CheckpointError) -> KeyList {
    guard path == "-" else { return try keys(path).keys }
    return try KeySource(
      standardInput: StandardInput.readAll(limit: KeySource.maximumTextByteCount)
    ).keys
  }
}

/// The name of an element type of whole bytes as typed, in either case.
struct AssumedTypeName: ExpressibleByArgument {
  let type: ElementType

  private static let types = ElementType.allCases.filter { $0.byteWidth != nil }

  init?(argument: String) {
    guard let type = Self.types.first(where: { $0.name == argument.uppercased() }) else {
      return nil
    }
    self.type = type
  }

  static var allValueStrings: [String] { types.map(\.name) }
}
