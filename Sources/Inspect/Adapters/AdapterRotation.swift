public import Formats

/// Small matrices, made from learned numbers, by which each of the equal parts of a
/// weight's rows is turned (OFT, BOFT).
public struct AdapterRotation: Sendable {
  public let record: TensorRecord
  public let layout: Layout
  /// The rows and columns of one matrix.
  public let size: Int
  /// How many there are; one may be for all parts.
  public let count: Int

  /// How the numbers make a skew-symmetric matrix.
  public enum Layout: Sendable, Hashable {
    /// `[count, size·(size - 1)/2]`: what is above the diagonal. The rows of an embedding
    /// are turned the other way.
    case triangle(isOfEmbedding: Bool)
    /// `[1, count, size, size]`: half of the matrix less its transpose.
    case square
  }

  /// Nil where the shape is another.
  public init?(triangle record: TensorRecord, isOfEmbedding: Bool) {
    guard record.shape.count == 2, record.shape[0] > 0, record.shape[1] > 0,
      record.shape[1] < 1 << 40
    else { return nil }
    let size = Int((Double(8 * record.shape[1] + 1).squareRoot() + 1) / 2)
    guard size * (size - 1) / 2 == record.shape[1] else { return nil }
    self.record = record
    layout = .triangle(isOfEmbedding: isOfEmbedding)
    self.size = size
    count = record.shape[0]
  }

  /// Nil where the shape is another, as it is with several butterfly factors.
  public init?(square record: TensorRecord) {
    let shape = record.shape
    guard shape.count == 4, shape[0] == 1, shape[1] > 0, shape[2] > 0, shape[2] == shape[3] else {
      return nil
    }
    self.record = record
    layout = .square
    size = shape[2]
    count = shape[1]
  }

  /// Whether rows of so many columns have whole parts, one for each matrix or all for one.
  public func fits(columnCount: Int) -> Bool {
    guard columnCount > 0, columnCount.isMultiple(of: size) else { return false }
    return count == 1 || columnCount / size == count
  }
}

extension AdapterModule {
  /// What turns its weight, if something does.
  public var rotation: AdapterRotation? {
    if let record = tensor(.embeddingRotation) {
      return AdapterRotation(triangle: record, isOfEmbedding: true)
    }
    guard let record = tensor(.rotation) else { return nil }
    return AdapterRotation(triangle: record, isOfEmbedding: false)
      ?? AdapterRotation(square: record)
  }
}
