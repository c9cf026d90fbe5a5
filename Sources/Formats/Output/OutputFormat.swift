public import OrderedCollections
import SystemPackage

/// A format that tensor files are written in.
public enum OutputFormat: String, Sendable, Hashable, CaseIterable {
  case safetensors
  /// The zip archive of torch 1.6 and later.
  case pytorch
  /// The convention of tenon-hdf5(5).
  case hdf5

  /// What the names of its files end with, the usual one first.
  public var fileSuffixes: [String] {
    switch self {
    case .safetensors: [".safetensors"]
    case .pytorch: [".bin", ".pt", ".pth"]
    case .hdf5: [".h5", ".hdf5"]
    }
  }

  /// The format that the name of a single-file output asks for; nil for the name
  /// of a directory.
  public init?(outputPath path: String) {
    let name = FilePath(path).lastComponent?.string ?? path
    let match = Self.allCases.first { format in
      format.fileSuffixes.contains { name.hasSuffix($0) && name != $0 }
    }
    guard let match else { return nil }
    self = match
  }

  /// Lays out a file of `tensors`, whose names are unique. Only a format that
  /// `carriesDocuments` has a place for some, and can be compressed.
  public func layout(
    _ tensors: [OutputTensor], metadata: OrderedDictionary<String, String>,
    documents: [HDF5Layout.Document] = [], compression: ChunkCompression? = nil
  ) throws(CheckpointError) -> OutputLayout {
    switch self {
    case .safetensors: try SafetensorsLayout.layout(tensors, metadata: metadata)
    case .pytorch: try PyTorchLayout.layout(tensors, metadata: metadata)
    case .hdf5:
      try HDF5Layout.layout(
        tensors, metadata: metadata, documents: documents, compression: compression)
    }
  }

  /// Why a tensor of this type and shape cannot be written, or nil where it can.
  public func refusal(_ type: TensorType, shape: [Int]) -> String? {
    switch self {
    case .safetensors:
      type.element == nil ? "is \(type.name), for which safetensors has no type" : nil
    case .pytorch: PyTorchLayout.refusal(type, shape: shape)
    case .hdf5: HDF5Layout.refusal(type, shape: shape)
    }
  }

  /// Whether several names can share one tensor's data.
  public var sharesStorages: Bool { self != .safetensors }

  /// Whether small files, as the configuration of an adapter, can lie in it beside the
  /// tensors.
  public var carriesDocuments: Bool { self == .hdf5 }
}
