import Formats
import Testing

@testable import Inspect

/// What `check` says of the layers and the width of a model, held against its configuration.
@Suite struct CheckModelTests {
  private func checks(_ configuration: String, _ tensors: [(String, [Int])]) throws -> ModelChecks {
    ModelChecks(
      checkpoint: Checkpoint(
        path: "x", format: .safetensors, records: tensors.map { tensor($0, $1) }),
      configuration: ModelConfiguration(
        try JSONValue(parsing: Array("{\(configuration)}".utf8))))
  }

  private static func layers(
    _ numbers: [Int], in list: String = "model.layers", _ tensors: [String] = ["mlp.up.weight"]
  ) -> [(String, [Int])] {
    numbers.flatMap { number in tensors.map { ("\(list).\(number).\($0)", [2, 2]) } }
  }
  private static func hole(_ list: String, _ count: Int, _ last: Int, _ number: Int) -> String {
    "warning missing-key: \"\(list)\" has \(count) layers up to \(last), but none with the number "
      + "\(number)"
  }

  static let layers: [(configuration: String, tensors: [(String, [Int])], told: [String])] = [
    (#""num_hidden_layers": 3"#, layers([0, 1, 2]), []),
    (#""num_hidden_layers": 3"#, layers([0, 2]), [hole("model.layers", 2, 2, 1)]),
    ("", layers([0, 2]), [hole("model.layers", 2, 2, 1)]),
    // A sequence has members without tensors: activations.
    ("", layers([0, 2, 4], in: "decoder.layers", ["weight", "bias"]), []),
    (
      "",
      layers([0, 3], in: "decoder.layers", ["conv.weight"])
        + layers([1, 4], in: "decoder.layers", ["block.1.conv.weight"]), []
    ),
    // Members of two kinds, and as many as they have to be.
    (
      #""num_hidden_layers": 4"#, layers([0], ["mlp.weight"]) + layers([2, 3]),
      [hole("model.layers", 3, 3, 1)]
    ),
    // What predicts the tokens after the next lies behind the others, or is not there.
    (#""num_hidden_layers": 3, "num_nextn_predict_layers": 1"#, layers([0, 1, 2, 3]), []),
    (#""num_hidden_layers": 64, "num_block_repeats": [1, 2, 1]"#, layers([0, 1, 2]), []),
    (#""num_hidden_layers": 3, "num_nextn_predict_layers": 1"#, layers([0, 1, 2]), []),
    (
      #""num_hidden_layers": 3, "num_nextn_predict_layers": 1"#, layers([0, 1, 3]),
      [hole("model.layers", 3, 3, 2)]
    ),
    (
      #""num_hidden_layers": 2, "num_nextn_predict_layers": 1"#, layers([0, 1, 2, 3]),
      [
        "warning config-mismatch: config.json says num_hidden_layers 2, but model.layers has 4"
      ]
    ),
    (
      #""num_hidden_layers": \#(Int.max), "num_nextn_predict_layers": 9"#, layers([0]),
      [
        "warning config-mismatch: config.json says num_hidden_layers \(Int.max), but model.layers "
          + "has 1"
      ]
    ),
    // Layers that are run several times.
    (
      #""num_hidden_layers": 8, "num_layers_per_stack": 2"#,
      layers([0, 1], in: "a.layers") + layers([0, 1], in: "b.layers"), []
    ),
    (
      #""num_hidden_layers": 8, "max_window_layers": 2"#, layers([0, 1]),
      ["warning config-mismatch: config.json says num_hidden_layers 8, but model.layers has 2"]
    ),
    (#""num_hidden_layers": -1, "num_nextn_predict_layers": -9"#, layers([0]), []),
    ("", layers([0, Int.max]), [hole("model.layers", 2, Int.max - 1, 1)]),
  ]

  @Test(arguments: layers)
  func `a hole in a list of layers, and another number than the configuration's`(
    configuration: String, tensors: [(String, [Int])], told: [String]
  ) throws {
    let found = try checks(configuration, tensors).layers()
    #expect(
      found.map { "\($0.severity.rawValue) \($0.code.rawValue): \($0.message)" } == told)
  }

  @Test(arguments: [
    (#""hidden_size": 4"#, nil),
    (#""hidden_size": 8, "embedding_size": 4"#, nil),
    (#""hidden_size": 8, "word_embed_proj_dim": 4"#, nil),
    (#""text_config": {"d_model": 4}, "hidden_size": 8"#, nil),
    (#""vocab_size": 8"#, nil),
    (#""hidden_size": 8"#, "hidden_size 8"),
    (#""n_embd": 8"#, "n_embd 8"),
    (#""hidden_size": 8, "embedding_size": 6"#, "hidden_size 8 and embedding_size 6"),
  ])
  func `many models hold their embedding narrower than their layers`(
    configuration: String, told: String?
  ) throws {
    let name = "a.word_embeddings.weight"
    let found = try checks(configuration, [(name, [8, 4])]).sizes()
    #expect(
      found.map(\.message)
        == (told.map { ["\"\(name)\" has 4 columns, but config.json says \($0)"] } ?? []))
  }
}
