import Formats

/// How a tensor of the base holds the weight that a module's factors update.
enum ShapeFit: Sendable, Hashable {
  /// `[out, in]`, as nn.Linear holds it.
  case direct
  /// `[in, out]`, as GPT-2's Conv1D holds it, and as embeddings do.
  case transposed
  /// A square matrix: the shape does not tell.
  case either

  /// Nil where the shape fits in neither way. Methods known only by name are not
  /// judged.
  init?(_ module: AdapterModule, _ base: TensorRecord) {
    switch module.kind {
    case .parameter, .other: self = .direct
    case .ia3, .vera: self.init(vector: module.updatedShape ?? [], base.shape)
    case .rotation:
      let columns = base.shape.dropFirst().reduce(1, *)
      guard module.rotation?.fits(columnCount: columns) == true else { return nil }
      self = .direct
    case .full where module.tensor(.difference) == nil: self = .direct
    case .linear, .adalora, .embedding, .convolution, .loha, .lokr, .full:
      guard let shape = module.updatedShape else { return nil }
      self.init(matrix: shape, base.shape, of: module.kind)
    }
  }

  private init?(matrix shape: [Int], _ base: [Int], of kind: AdapterModule.Kind) {
    let isMatrix = kind == .linear || kind == .adalora
    if isMatrix, base.count == 2, base[0] == base[1], shape == base {
      self = .either
    } else if Self.isSame(shape, base) {
      // The factors of an embedding make its transpose.
      self = kind == .embedding ? .transposed : .direct
    } else if isMatrix, base == shape.reversed() {
      self = .transposed
    } else {
      return nil
    }
  }

  /// A vector with a number for each output or for each input.
  private init?(vector shape: [Int], _ base: [Int]) {
    guard base.count >= 2, let count = shape.max() else { return nil }
    let isOnInput = shape.count > 1 && shape.last == count
    switch (base[0] == count, base[1] == count) {
    case (true, true): self = base.count == 2 ? .either : .direct
    case (false, false): return nil
    case (let isOutput, _): self = isOutput != isOnInput || base.count > 2 ? .direct : .transposed
    }
  }

  /// Whether two shapes are alike but for axes of length 1 at the end, with which 1x1
  /// convolutions are written, and for a kernel flattened into the second axis.
  private static func isSame(_ one: [Int], _ other: [Int]) -> Bool {
    let (one, other) = (significant(one), significant(other))
    if one == other { return true }
    guard one.count == 2, other.count > 2, one[0] == other[0] else { return false }
    var product = 1
    for count in other.dropFirst() {
      let (next, isOverflow) = product.multipliedReportingOverflow(by: count)
      guard !isOverflow else { return false }
      product = next
    }
    return product == one[1]
  }

  private static func significant(_ shape: [Int]) -> [Int] {
    var shape = shape
    while shape.count > 2, shape.last == 1 { shape.removeLast() }
    return shape
  }
}
