import ArgumentParser
import Compute

extension ElementType: @retroactive ExpressibleByArgument {
  public init?(argument: String) { self.init(name: argument.uppercased()) }

  public static var allValueStrings: [String] { allCases.map(\.name) }
}
