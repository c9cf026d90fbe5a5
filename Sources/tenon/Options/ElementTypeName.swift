import ArgumentParser
import Compute

/// The name of an element type as typed, in either case.
struct ElementTypeName: ExpressibleByArgument {
  let type: ElementType

  init?(argument: String) {
    guard let type = ElementType(name: argument.uppercased()) else { return nil }
    self.type = type
  }

  static var allValueStrings: [String] { ElementType.allCases.map(\.name) }
}
