import ArgumentParser
import Compute

/// The name of an element type as typed, in either case.
struct ElementTypeName: ExpressibleByArgument {
  let type: ElementType

  init?(argument: String) {
    guard let type = ElementType(name: argument.uppercased()) else { return nil }
    self.type = type
  }

  /// Those that floats can be converted to; powers of two alone are no weights.
  static var allValueStrings: [String] {
    ElementType.allCases.filter { Conversion.isConvertible($0) && $0 != .f8e8m0 }.map(\.name)
  }
}
