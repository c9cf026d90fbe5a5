/// Where in a base a module of an adapter acts.
public enum BasePlace: Sendable, Hashable {
  /// The tensor of this name.
  case whole(String)
  /// The rows of one of `count` equal parts of a tensor.
  case part(tensor: String, index: Int, count: Int)

  /// The name of the tensor.
  public var tensor: String {
    switch self {
    case .whole(let name), .part(let name, _, _): name
    }
  }

  /// The same place in a tensor whose name has something before it.
  func prefixed(by lead: String) -> BasePlace {
    switch self {
    case .whole(let name): .whole(lead + name)
    case .part(let name, let index, let count):
      .part(tensor: lead + name, index: index, count: count)
    }
  }
}
