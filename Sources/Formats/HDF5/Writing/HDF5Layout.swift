import Compute
public import OrderedCollections

/// Lays out an HDF5 file by the convention of tenon-hdf5(5): each tensor a contiguous
/// dataset of the root group, in structures that HDF5 1.8 and all later libraries read.
///
/// The headers are written here byte by byte; no library is asked, so that a layout is
/// known before any data is, as that of every other format.
public enum HDF5Layout {
  /// Where the data of a tensor may begin.
  private static let alignment = 64
  static let superblockByteCount = 96
  /// What a small file may have at most: those that belong to a model have less.
  public static let maximumDocumentByteCount = 64 << 20

  /// A small file that goes into the file beside the tensors.
  public struct Document: Sendable {
    public var name: String
    public var bytes: [UInt8]

    public init(name: String, bytes: [UInt8]) {
      self.name = name
      self.bytes = bytes
    }
  }

  /// The layout for `tensors`, whose names are unique. Other names of the same data
  /// become further links to its dataset.
  public static func layout(
    _ tensors: [OutputTensor], metadata: OrderedDictionary<String, String>,
    documents: [Document] = [], compression: ChunkCompression? = nil
  ) throws(CheckpointError) -> OutputLayout {
    for tensor in tensors {
      guard let refusal = refusal(tensor.type, shape: tensor.shape) else { continue }
      throw CheckpointError(
        tensor: tensor.name, refusal, fix: "leave the tensor out with --exclude")
    }
    let grids = tensors.map { tensor in compression == nil ? nil : grid(of: tensor) }
    let sizes = zip(grids, tensors).map {
      HDF5ChunkedOutput.slotByteCount($0, byteCount: $1.byteCount)
    }
    // How long the headers are does not depend on the addresses in them.
    var image = HDF5Image(
      tensors, metadata: metadata, documents: documents, grids: grids, compression: compression)
    let start = image.build(offsets: tensors.map { _ in 0 }, chunks: [], end: 0)
    let offsets = try offsets(of: sizes, from: start)
    let end = zip(offsets, sizes).reduce(start) { max($0, $1.0 + $1.1) }
    _ = image.build(offsets: offsets, chunks: [], end: end)
    var layout = OutputLayout(fixed: [(0, image.bytes)], offsets: offsets, byteCount: end)
    layout.chunks = compression.map {
      HDF5ChunkedOutput(
        image: image, compression: $0, grids: grids, byteCounts: tensors.map(\.byteCount))
    }
    return layout
  }

  /// How a tensor is cut: a packed one as the row of bytes that it is.
  private static func grid(of tensor: OutputTensor) -> ChunkGrid? {
    let isPacked = tensor.type.bitWidth < 8
    return ChunkGrid(
      shape: isPacked ? [tensor.byteCount] : tensor.shape, width: max(1, tensor.type.bitWidth / 8))
  }

  /// The next place at which data may begin.
  static func aligned(_ offset: Int) -> Int { (offset + alignment - 1) / alignment * alignment }

  private static func offsets(of sizes: [Int], from start: Int) throws(CheckpointError) -> [Int] {
    var offsets: [Int] = []
    var end = start
    for size in sizes {
      let offset = aligned(end)
      offsets.append(offset)
      let (next, overflow) = offset.addingReportingOverflow(size)
      guard !overflow, next < Int.max - alignment else {
        throw CheckpointError("the tensors take more bytes than a file can hold")
      }
      end = next
    }
    return offsets
  }

  /// Why HDF5 cannot hold a tensor of this type and shape, or nil where it can.
  public static func refusal(_ type: TensorType, shape: [Int]) -> String? {
    guard HDF5TypeRow.writing(type) != nil else {
      return "is \(type.name), which is not written as HDF5"
    }
    return shape.count > HDF5Answer.maximumRank
      ? "has \(shape.count) axes; HDF5 allows \(HDF5Answer.maximumRank)" : nil
  }
}
