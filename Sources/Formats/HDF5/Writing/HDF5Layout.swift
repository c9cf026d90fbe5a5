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

  /// A text that goes into the file beside the tensors.
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
    documents: [Document] = []
  ) throws(CheckpointError) -> OutputLayout {
    for tensor in tensors {
      guard let refusal = refusal(tensor.type, shape: tensor.shape) else { continue }
      throw CheckpointError(
        tensor: tensor.name, refusal, fix: "leave the tensor out with --exclude")
    }
    // How long the headers are does not depend on the addresses in them.
    var image = HDF5Image(tensors, metadata: metadata, documents: documents)
    let offsets = try offsets(of: tensors, from: image.build(offsets: tensors.map { _ in 0 }, end: 0))
    let end = zip(offsets, tensors).reduce(image.byteCount) { max($0, $1.0 + $1.1.byteCount) }
    _ = image.build(offsets: offsets, end: end)
    return OutputLayout(fixed: [(0, image.bytes)], offsets: offsets, byteCount: end)
  }

  private static func offsets(of tensors: [OutputTensor], from start: Int) throws(CheckpointError)
    -> [Int]
  {
    var offsets: [Int] = []
    var end = start
    for tensor in tensors {
      let offset = (end + alignment - 1) / alignment * alignment
      offsets.append(offset)
      let (next, overflow) = offset.addingReportingOverflow(tensor.byteCount)
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
