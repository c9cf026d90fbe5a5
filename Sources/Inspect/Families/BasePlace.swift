/// Where in a base a module of an adapter acts.
public enum BasePlace: Sendable, Hashable {
  /// The tensor of this name.
  case whole(String)
  /// The tensor of this name, which holds the weight as `[in, out]`.
  case transposed(String)
  /// The rows of one of `count` equal parts of a tensor.
  case part(tensor: String, index: Int, count: Int)
  /// All of several tensors, whose rows follow each other in the module.
  case parts([String])

  /// The names of the tensors.
  public var tensors: [String] {
    switch self {
    case .whole(let name), .transposed(let name), .part(let name, _, _): [name]
    case .parts(let names): names
    }
  }

  /// What no other module may claim.
  var claims: [BasePlace] {
    if case .parts(let names) = self { names.map(BasePlace.whole) } else { [self] }
  }

  /// The same place in tensors whose names have something before them.
  func prefixed(by lead: String) -> BasePlace {
    switch self {
    case .whole(let name): .whole(lead + name)
    case .transposed(let name): .transposed(lead + name)
    case .part(let name, let index, let count):
      .part(tensor: lead + name, index: index, count: count)
    case .parts(let names): .parts(names.map { lead + $0 })
    }
  }
}
