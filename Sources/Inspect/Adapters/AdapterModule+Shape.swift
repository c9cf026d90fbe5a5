import Formats

extension AdapterModule {
  /// The shape of the weight by the factors: `[out, in]`, `[vocabulary, dimension]` or
  /// `[out, in, height, width]`, a kernel possibly flattened into the second axis; for
  /// a method that multiplies, that of its vector. Nil where the factors do not tell.
  public var updatedShape: [Int]? {
    // Only what a file says goes in, so that the products below may overflow.
    switch factors {
    case .product(let a, let b, let core):
      guard a.shape.count >= 2, b.shape.count >= 2 else { return nil }
      guard let core else { return [b.shape[0]] + a.shape[1...] }
      return [b.shape[0], a.shape[1]] + core.shape.dropFirst(2)
    case .adalora(let a, let b, _):
      guard a.shape.count == 2, b.shape.count == 2 else { return nil }
      return [b.shape[0], a.shape[1]]
    case .embedding(let a, let b):
      guard a.shape.count == 2, b.shape.count == 2 else { return nil }
      return [a.shape[1], b.shape[0]]
    case .loha(let first, let second):
      guard let shape = first.shape, shape == second.shape else { return nil }
      return shape
    case .lokr(let first, let second):
      return Self.kroneckerShape(first.shape, second.shape)
    case .ia3(let vector, _, _):
      return vector.shape
    case .vera(let lambdaB, _):
      return lambdaB.shape
    case .rotation(let numbers, _):
      return rotation == nil ? nil : numbers.shape
    case .full(let weight, let bias):
      return weight?.shape ?? bias?.shape
    case nil:
      return nil
    }
  }

  /// In how many groups the channels of its convolution are, where that is more than one:
  /// B sees the rank divided by it.
  var channelGroups: Int? {
    guard let a, let b, a.shape.count > 2, a.shape.count == b.shape.count, b.shape[1] > 0,
      a.shape[0] > b.shape[1], a.shape[0] % b.shape[1] == 0
    else { return nil }
    return a.shape[0] / b.shape[1]
  }

  private static func kroneckerShape(_ first: [Int]?, _ second: [Int]?) -> [Int]? {
    guard let first, let second, first.count >= 2, second.count >= 2 else { return nil }
    var shape = second
    for axis in first.indices where axis < shape.count {
      let (product, isOverflow) = shape[axis].multipliedReportingOverflow(by: first[axis])
      guard !isOverflow else { return nil }
      shape[axis] = product
    }
    return shape
  }
}

extension AdapterFactors.MatrixProduct {
  /// The shape of the product; nil where the factors do not fit together.
  var shape: [Int]? {
    guard a.shape.count == 2, b.shape.count == 2 else { return nil }
    guard let core else {
      return a.shape[1] == b.shape[0] ? [a.shape[0], b.shape[1]] : nil
    }
    guard core.shape.count >= 2, core.shape[0] == a.shape[0], core.shape[1] == b.shape[0] else {
      return nil
    }
    return [a.shape[1], b.shape[1]] + core.shape.dropFirst(2)
  }
}

extension AdapterFactors.KroneckerFactor {
  var shape: [Int]? {
    switch self {
    case .whole(let record): record.shape
    case .product(let product): product.shape
    }
  }
}
