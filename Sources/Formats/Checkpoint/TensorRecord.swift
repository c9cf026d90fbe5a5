/// One tensor of a checkpoint: a description and a place, never the data.
///
/// A reader hands out a record only after checking that the element count and
/// the byte count fit into an `Int` and that its bytes lie inside their file.
public struct TensorRecord: Sendable {
  public var name: String
  public var type: TensorType
  /// The sizes from the outermost axis inwards; empty for a scalar.
  public var shape: [Int]
  /// Where the data is; nil where the file holds none (a meta tensor, a sparse
  /// tensor's container).
  public var bytes: TensorBytes?

  public init(name: String, type: TensorType, shape: [Int], bytes: TensorBytes?) {
    self.name = name
    self.type = type
    self.shape = shape
    self.bytes = bytes
  }

  /// The number of elements: the product of the shape, 1 for a scalar.
  public var elementCount: Int { shape.reduce(1, *) }

  /// The bytes of the tensor when written out row by row.
  ///
  /// Exact for every record that a reader hands out; see the type's comment.
  public var byteCount: Int { type.byteCount(of: elementCount) }

  /// The one range of one file that is this tensor's data, row by row and
  /// uncompressed; nil where the data has to be gathered or decoded.
  public var plainExtent: Extent? {
    guard let bytes, bytes.codec == .stored, bytes.view == nil, bytes.transforms.isEmpty
    else { return nil }
    return bytes.extents.only
  }
}

/// Where the bytes of a tensor are and what has to be done to read them.
public struct TensorBytes: Sendable {
  /// The ranges whose bytes, one after the other, are the storage.
  public var extents: Extents
  /// How the storage is encoded in the extents.
  public var codec: Codec
  /// How the tensor's elements lie in the storage; nil where they are the whole
  /// storage in row-major order.
  public var view: StridedView?
  /// What has to be done to each element after reading.
  public var transforms: ElementTransforms

  public init(
    extents: [Extent], codec: Codec = .stored, view: StridedView? = nil,
    transforms: ElementTransforms = []
  ) {
    self.extents = Extents(extents)
    self.codec = codec
    self.view = view
    self.transforms = transforms
  }

  /// One range that is the whole storage of a dense tensor.
  public init(_ extent: Extent) {
    extents = .single(extent)
    codec = .stored
    view = nil
    transforms = []
  }

  /// The bytes of the decoded storage.
  public var storageByteCount: Int {
    switch codec {
    case .stored: extents.reduce(0) { $0 + $1.count }
    case .deflate(let decodedByteCount): decodedByteCount
    case .chunked(let storage): storage.byteCount
    }
  }
}

/// How a storage is encoded in its file.
public enum Codec: Sendable, Hashable {
  case stored
  /// Raw deflate (RFC 1951), as zip entries use it.
  case deflate(decodedByteCount: Int)
  /// Blocks of the tensor, each encoded by itself: an extent for each, as HDF5 has them.
  case chunked(ChunkedStorage)
}

/// The place of a tensor's elements in its storage, counted in elements.
///
/// Element `[i, j, …]` is `storage[offset + i·strides[0] + j·strides[1] + …]`.
/// The reader has checked that all of them lie inside the storage.
public struct StridedView: Sendable, Hashable {
  public var offset: Int
  public var strides: [Int]

  public init(offset: Int, strides: [Int]) {
    self.offset = offset
    self.strides = strides
  }
}

/// What has to be done to each element of a tensor after reading it.
public struct ElementTransforms: OptionSet, Sendable, Hashable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// The file is big-endian: swap the bytes of each element (of each half of a
  /// complex one).
  public static let swapBytes = Self(rawValue: 1)
  /// PyTorch's lazy conjugate bit.
  public static let conjugate = Self(rawValue: 2)
  /// PyTorch's lazy negative bit.
  public static let negate = Self(rawValue: 4)
  /// Truth values of which any byte but 0 means true: make it 1.
  public static let truth = Self(rawValue: 8)
}
