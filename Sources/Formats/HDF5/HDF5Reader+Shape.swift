import Compute

// How many elements a dataset has, and in which shape; whatever it claims is counted.
extension HDF5Reader {
  /// The bytes of a dataset of this shape, which has to fit into an `Int`.
  static func byteCount(_ shape: [Int], width: Int) throws(CheckpointError) -> Int {
    guard let count = product(of: shape), let byteCount = product(of: [count, width]) else {
      throw CheckpointError("the shape \(shape) stands for more bytes than there can be")
    }
    return byteCount
  }

  /// The shape of the tensor. Elements of less than a byte lie packed in a row of bytes;
  /// an attribute tells their shape.
  static func shape(of dataset: HDF5Index.Dataset, _ type: TensorType, byteCount: Int)
    throws(CheckpointError) -> [Int]
  {
    let stored = dataset.shape ?? []
    guard let element = type.element, element.byteWidth == nil else { return stored }
    guard let shape = dataset.attributes["shape"]?.integers, shape.allSatisfy({ $0 >= 0 }) else {
      throw CheckpointError(
        "is \(type.name) in bytes, but has no attribute \"shape\" of whole numbers")
    }
    guard let count = product(of: shape) else {
      throw CheckpointError("the shape \(shape) is too large")
    }
    guard element.byteCount(of: count) == byteCount else {
      throw CheckpointError(
        "the attribute \"shape\" says \(shape), but \(byteCount) bytes are not so many elements "
          + "of \(type.name)")
    }
    return shape
  }
}
