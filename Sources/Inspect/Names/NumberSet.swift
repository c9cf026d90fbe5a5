/// Numbers that stand in the same place of many names, printed as `{0..3,5..31}`.
public struct NumberSet: Sendable, Hashable {
  /// The numbers in ascending order, each once.
  public let values: [Int]

  init(ascending values: [Int]) { self.values = values }
}

extension NumberSet: CustomStringConvertible {
  /// A single number as it is; runs as `first..last`.
  public var description: String {
    if values.count == 1 { return "\(values[0])" }
    var parts: [String] = []
    var start = 0
    while start < values.count {
      var end = start
      while end + 1 < values.count, values[end + 1] == values[end] + 1 { end += 1 }
      parts.append(start == end ? "\(values[start])" : "\(values[start])..\(values[end])")
      start = end + 1
    }
    return "{\(parts.joined(separator: ","))}"
  }
}
