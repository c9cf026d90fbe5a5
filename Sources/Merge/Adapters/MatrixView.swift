import Formats

extension TensorRecord {
  /// The matrix with rows and columns exchanged.
  var transposed: TensorRecord {
    view(shape: [shape[1], shape[0]]) { [$0[1], $0[0]] }
  }

  /// The first rows and columns of a matrix.
  func matrixPart(rows: Int, columns: Int) -> TensorRecord {
    guard shape != [rows, columns] else { return self }
    return view(shape: [rows, columns]) { $0 }
  }

  private func view(shape newShape: [Int], _ strides: ([Int]) -> [Int]) -> TensorRecord {
    var copy = self
    copy.shape = newShape
    let own = bytes?.view ?? StridedView(offset: 0, strides: [shape[1], 1])
    copy.bytes?.view = StridedView(offset: own.offset, strides: strides(own.strides))
    return copy
  }
}
