import TestSupport

@testable import Inspect

/// The keys of real architectures, from fixtures/keys.
enum KeyFixture {
  static let names = Fixtures.names(in: "keys", suffix: ".txt")

  static func list(_ name: String) throws -> KeyList {
    try KeySource(Fixtures.path("keys/\(name).txt")).keys
  }
}
