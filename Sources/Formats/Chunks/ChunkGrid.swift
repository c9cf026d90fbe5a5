/// How a tensor that is written is cut into blocks: each is one range of its row-major
/// bytes, whole along the inner axes.
struct ChunkGrid: Sendable, Hashable {
  /// About as much as a block should hold, before compression.
  static let wantedByteCount = 1 << 20
  /// Smaller tensors are not cut: the tables for the blocks would take more.
  static let minimumByteCount = 16 << 10

  let shape: [Int]
  let chunkShape: [Int]
  /// The bytes of an element.
  let width: Int
  /// The axis along which blocks are cut; those before it have one block for each index.
  private let axis: Int

  /// The grid over a tensor; nil where it is too small for one.
  init?(shape: [Int], width: Int) {
    guard shape.reduce(width, *) >= Self.minimumByteCount else { return nil }
    self.shape = shape
    self.width = width
    var inner = width
    var axis = shape.count - 1
    while axis > 0, inner * shape[axis] <= Self.wantedByteCount {
      inner *= shape[axis]
      axis -= 1
    }
    self.axis = axis
    let count = min(shape[axis], max(1, Self.wantedByteCount / inner))
    chunkShape =
      [Int](repeating: 1, count: axis) + [count] + shape[(axis + 1)...]
  }

  /// The bytes of a block.
  var chunkByteCount: Int { chunkShape.reduce(width, *) }

  var byteCount: Int { shape.reduce(width, *) }

  /// The blocks along the axis that is cut.
  private var chunksPerRun: Int { (shape[axis] - 1) / chunkShape[axis] + 1 }

  /// The bytes of the tensor along that axis.
  private var runByteCount: Int { shape[axis...].reduce(width, *) }

  var count: Int { shape[..<axis].reduce(1, *) * chunksPerRun }

  /// The bytes of the tensor that a block holds; fewer than those of a block at an edge.
  func range(of chunk: Int) -> Range<Int> {
    let run = chunk / chunksPerRun * runByteCount
    let start = run + chunk % chunksPerRun * chunkByteCount
    return start..<min(start + chunkByteCount, run + runByteCount)
  }

  /// The block that holds this byte of the tensor.
  func chunk(holding byte: Int) -> Int {
    byte / runByteCount * chunksPerRun + byte % runByteCount / chunkByteCount
  }

  /// The index of the first element of a block.
  func place(of chunk: Int) -> [Int] {
    var place = [Int](repeating: 0, count: shape.count)
    place[axis] = chunk % chunksPerRun * chunkShape[axis]
    var rest = chunk / chunksPerRun
    for outer in (0..<axis).reversed() {
      place[outer] = rest % shape[outer]
      rest /= shape[outer]
    }
    return place
  }
}
