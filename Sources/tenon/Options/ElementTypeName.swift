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

/// The same for a type of whole bytes.
struct AssumedTypeName: ExpressibleByArgument {
  let type: ElementType

  init?(argument: String) {
    guard let name = ElementTypeName(argument: argument), name.type.byteWidth != nil else {
      return nil
    }
    type = name.type
  }

  static var allValueStrings: [String] {
    ElementType.allCases.filter { $0.byteWidth != nil }.map(\.name)
  }
}
