import Foundation

@testable import Inspect

/// The keys of real architectures, from fixtures/keys.
enum KeyFixture {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../fixtures/keys").standardized

  static let names: [String] = {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return files.filter { $0.hasSuffix(".txt") }.map { String($0.dropLast(4)) }.sorted()
  }()

  static func list(_ name: String) throws -> KeyList {
    try KeySource(folder.appending(path: "\(name).txt").path).keys
  }
}
