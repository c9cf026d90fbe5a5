public import OrderedCollections
import SystemPackage

/// A format that tensor files are written in.
public enum OutputFormat: String, Sendable, Hashable, CaseIterable {
  case safetensors
  /// The zip archive of torch 1.6 and later.
  case pytorch

  /// What the names of its files end with, the usual one first.
  public var fileSuffixes: [String] {
    switch self {
    case .safetensors: [".safetensors"]
    case .pytorch: [".bin", ".pt", ".pth"]
    }
  }

  /// Suffixes of files that cannot be written yet.
  static let otherSuffixes = [".h5", ".hdf5"]

  /// The format that the name of a single-file output asks for; nil for the name
  /// of a directory.
  public init?(outputPath path: String) throws(CheckpointError) {
    let name = FilePath(path).lastComponent?.string ?? path
    if let suffix = Self.otherSuffixes.first(where: { name.hasSuffix($0) && name != $0 }) {
      throw CheckpointError(
        path: path, "HDF5 files (\(suffix)) cannot be written yet",
        fix: "choose a name that ends in .safetensors, .bin, .pt or .pth")
    }
    let match = Self.allCases.first { format in
      format.fileSuffixes.contains { name.hasSuffix($0) && name != $0 }
    }
    guard let match else { return nil }
    self = match
  }

  /// Lays out a file of `tensors`, whose names are unique.
  public func layout(_ tensors: [OutputTensor], metadata: OrderedDictionary<String, String>)
    throws(CheckpointError) -> OutputLayout
  {
    switch self {
    case .safetensors: try SafetensorsLayout.layout(tensors, metadata: metadata)
    case .pytorch: try PyTorchLayout.layout(tensors, metadata: metadata)
    }
  }

  /// Why a tensor of this type and shape cannot be written, or nil where it can.
  public func refusal(_ type: TensorType, shape: [Int]) -> String? {
    switch self {
    case .safetensors:
      type.element == nil ? "is \(type.name), for which safetensors has no type" : nil
    case .pytorch: PyTorchLayout.refusal(type, shape: shape)
    }
  }

  /// Whether several names can share one tensor's data.
  public var sharesStorages: Bool { self == .pytorch }
}
