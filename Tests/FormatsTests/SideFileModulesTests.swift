import TestSupport
import Testing

@testable import Formats

/// The modules that sentence-transformers puts behind a model.
@Suite struct SideFileModulesTests {
  private let directory = TemporaryDirectory()

  private func model(_ list: String) throws -> Checkpoint {
    try directory.write(safetensors("{}"), to: "model.safetensors")
    try directory.write(list, to: "modules.json")
    for name in ["1_Pooling/config.json", "2_Dense/model.safetensors", "other/config.json"] {
      try directory.write("{}", to: name)
    }
    return try Checkpoint.open(directory.path)
  }

  @Test func `files of the directories that are listed belong to the model`() throws {
    let list = #"[{"path": ""}, {"path": "1_Pooling"}, {"path": "2_Dense"}]"#
    let files = try model(list).sideFiles
    #expect(
      files.map(\.name) == ["modules.json", "1_Pooling/config.json", "2_Dense/model.safetensors"])
    #expect(files.filter(\.holdsTensors).isEmpty)
  }

  @Test(arguments: [
    "{", "[]", #"{"path": "1_Pooling"}"#, #"[{"path": "../other"}, {"path": "/"}, {"path": 1}]"#,
    #"[{"path": "1_Pooling/.."}, {"path": "."}]"#,
  ])
  func `a list that names none of the directories changes nothing`(list: String) throws {
    let files = try model(list).sideFiles
    #expect(files.map(\.name) == ["modules.json"])
  }
}
