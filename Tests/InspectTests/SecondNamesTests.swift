import Compute
import Formats
import Foundation
import Testing

@testable import Inspect

/// The state dict of a model in memory against the file of the same model, which holds what
/// is tied once.
@Suite struct SecondNamesTests {
  struct Case: CustomTestStringConvertible {
    let testDescription: String
    var configuration = #"{"tie_word_embeddings": true, "architectures": ["AForMaskedLM"]}"#
    let base: [String]
    /// By name where in the file each tensor lies: of five places the last has the values of
    /// the first.
    let checkpoint: [(name: String, place: Int, shape: [Int])]
    var missing: [String] = []
    var unexpected: [String] = []
  }

  private static let body = ["model.tok_embeddings.weight", "model.norm.weight"]
  private static func held(_ name: String, _ place: Int, _ shape: [Int] = [2, 2])
    -> [(name: String, place: Int, shape: [Int])]
  {
    zip(body + [name], [0, 1, place]).map { ($0, $1, $0 == name ? shape : [2, 2]) }
  }

  static let cases = [
    Case(
      testDescription: "a tied output, by its place", base: body,
      checkpoint: held("decoder.weight", 0)),
    Case(
      testDescription: "a tied output, by its values", base: body,
      checkpoint: held("decoder.weight", 4)),
    Case(
      testDescription: "an output of its own", base: body, checkpoint: held("decoder.weight", 2),
      missing: ["output.weight"], unexpected: ["decoder.weight"]),
    Case(
      testDescription: "the same values where nothing is tied",
      configuration: #"{"tie_word_embeddings": false}"#, base: body,
      checkpoint: held("decoder.weight", 4), unexpected: ["decoder.weight"]),
    Case(
      testDescription: "one place where nothing is said of outputs", configuration: "{}",
      base: body, checkpoint: held("a.positions", 1)),
    Case(
      testDescription: "a part of one place", base: body,
      checkpoint: held("a.positions", 1, [2, 1]), missing: ["output.weight"],
      unexpected: ["a.positions"]),
    Case(
      testDescription: "an output of a model that has none",
      configuration: #"{"tie_word_embeddings": true, "architectures": ["AModel"]}"#, base: body,
      checkpoint: held("lm_head.weight", 0), unexpected: ["lm_head.weight"]),
    Case(
      testDescription: "positions that are computed", configuration: #"{"model_type": "marian"}"#,
      base: body, checkpoint: held("model.encoder.embed_positions.weight", 2)),
    Case(
      testDescription: "positions that are computed, of another model",
      configuration: #"{"model_type": "bart"}"#, base: body,
      checkpoint: held("model.encoder.embed_positions.weight", 2),
      unexpected: ["model.encoder.embed_positions.weight"]),
  ]

  @Test(arguments: cases)
  func `a tensor of the base under one name more`(row: Case) throws {
    let directory = FileManager.default.temporaryDirectory
      .appending(path: "tenon-second-\(UInt64.random(in: 0 ..< .max))")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    func written(_ name: String, _ bytes: Data) throws -> String {
      let path = directory.appending(path: name)
      try bytes.write(to: path)
      return path.path(percentEncoded: false)
    }
    let places = [1, 2, 3, 4, 1].flatMap { [UInt8](repeating: $0, count: 8) }
    let file = try InputFile(path: try written("data", Data(places)))
    let configuration = try written("config.json", Data(row.configuration.utf8))
    var base = Checkpoint(
      path: "base", format: .safetensors, records: row.base.map { tensor($0) })
    base.sideFiles = [SideFile(name: "config.json", path: configuration)]
    let records = row.checkpoint.map { name, place, shape in
      var record = tensor(name, shape)
      record.bytes = TensorBytes(
        Extent(file: file, offset: place * 8, count: shape.reduce(2, *)))
      return record
    }
    let load = StrictLoad(
      records,
      into: KeyList(
        modelOf: base, as: Checkpoint(path: "x", format: .safetensors, records: records)))
    #expect(load.missing == row.missing)
    #expect(load.unexpected == row.unexpected)
  }

  static let heads:
    [(input: String, held: [(String, [Int])], weight: String, bias: (String, String)?)] = [
      ("model.embed_tokens.weight", [], "lm_head.weight", nil),
      ("model.language_model.embed_tokens.weight", [], "lm_head.weight", nil),
      ("language_model.model.embed_tokens.weight", [], "language_model.lm_head.weight", nil),
      ("text_model.model.embed_tokens.weight", [], "text_model.lm_head.weight", nil),
      (
        "model.embeddings.tok_embeddings.weight", [("decoder.bias", [8]), ("head.bias", [4])],
        "decoder.weight", nil
      ),
      (
        "model.embeddings.tok_embeddings.weight",
        [("decoder.bias", [8]), ("decoder.weight", [8, 4])], "output.weight", nil
      ),
      (
        "a.bert.embeddings.word_embeddings.weight",
        [("a.cls.predictions.transform.dense.weight", [4, 4]), ("a.cls.predictions.bias", [8])],
        "a.cls.predictions.decoder.weight",
        ("a.cls.predictions.decoder.bias", "a.cls.predictions.bias")
      ),
      (
        "model.embeddings.tok_embeddings.weight",
        [("lm_head.dense.weight", [4, 4]), ("decoder.bias", [8])], "decoder.weight", nil
      ),
      (
        "b.embed_tokens.weight", [("a.cls.predictions.transform.dense.weight", [4, 4])],
        "lm_head.weight", nil
      ),
    ]

  @Test(arguments: heads)
  func `what a model calls the output that it ties`(
    input: String, held: [(String, [Int])], weight: String, bias: (String, String)?
  ) throws {
    let records = [tensor(input, [8, 4])] + held.map { tensor($0, $1) }
    let head = try #require(OutputHead(tiedTo: input, in: records, architecture: nil))
    #expect(head.weight == weight)
    #expect(head.bias?.name == bias?.0)
    #expect(head.bias?.source == bias?.1)
  }
}
