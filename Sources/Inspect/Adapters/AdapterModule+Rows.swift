import Formats

extension AdapterModule {
  /// What the module does to some rows of its weight, as a module of its own; nil where
  /// its factors are not made of rows.
  func part(rows: Range<Int>) -> AdapterModule? {
    guard let outputs = updatedShape?.first, rows.upperBound <= outputs,
      let factors = rowFactors
    else { return nil }
    let vectors: Set<AdapterLeaf.Role> = [.outputBias, .biasDifference, .magnitude]
    var parts: [AdapterTensor] = []
    for tensor in tensors {
      guard factors.contains(tensor.leaf.role) || vectors.contains(tensor.leaf.role) else {
        parts.append(tensor)
        continue
      }
      // Lengths of the inputs are those of whole columns.
      guard tensor.record.shape.first == outputs else { return nil }
      parts.append(AdapterTensor(leaf: tensor.leaf, record: tensor.record.rows(rows)))
    }
    return AdapterModule(
      target: target, kind: kind, tensors: parts, rank: rank, alpha: alpha, scale: scale)
  }

  /// The factors whose rows are those of the weight.
  private var rowFactors: Set<AdapterLeaf.Role>? {
    switch factors {
    case .product: [.b]
    case .loha(let first, _) where first.core == nil: [.w1a, .w2a]
    case .full: [.difference]
    default: nil
    }
  }
}

extension TensorRecord {
  /// Some rows of the tensor.
  fileprivate func rows(_ rows: Range<Int>) -> TensorRecord {
    var strides = shape.map { _ in 1 }
    for axis in shape.indices.dropLast().reversed() {
      strides[axis] = strides[axis + 1] * shape[axis + 1]
    }
    let own = bytes?.view ?? StridedView(offset: 0, strides: strides)
    var copy = self
    copy.shape[0] = rows.count
    copy.bytes?.view = StridedView(
      offset: own.offset + rows.lowerBound * own.strides[0], strides: own.strides)
    return copy
  }
}
