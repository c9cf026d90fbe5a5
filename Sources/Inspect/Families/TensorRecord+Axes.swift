import Formats

extension TensorRecord {
  /// A matrix with its axes exchanged, which moves no data.
  var transposed: TensorRecord {
    precondition(shape.count == 2, "only matrices are transposed")
    var result = self
    result.shape = shape.reversed()
    guard bytes != nil else { return result }
    if let view = bytes?.view {
      result.bytes?.view = StridedView(offset: view.offset, strides: view.strides.reversed())
    } else {
      result.bytes?.view = StridedView(offset: 0, strides: [1, shape[1]])
    }
    return result
  }

  /// Puts the axis beside which there are only such of length 1 at `position` of `count`
  /// axes, which moves no data.
  mutating func setOnlyAxis(_ position: Int, of count: Int) {
    guard let old = shape.firstIndex(of: elementCount) else { return }
    var lengths = Array(repeating: 1, count: count)
    lengths[position] = elementCount
    shape = lengths
    guard var view = bytes?.view else { return }
    var strides = Array(repeating: 1, count: count)
    strides[position] = view.strides[old]
    view.strides = strides
    bytes?.view = view
  }

  /// Adds or removes axes of length 1 at the end, which moves no data.
  mutating func setAxes(_ count: Int) {
    let change = count - shape.count
    if change < 0 { shape.removeLast(-change) } else { shape += Array(repeating: 1, count: change) }
    guard var view = bytes?.view else { return }
    if change < 0 {
      view.strides.removeLast(-change)
    } else {
      view.strides += Array(repeating: 1, count: change)
    }
    bytes?.view = view
  }
}
