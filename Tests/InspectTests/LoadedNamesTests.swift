import Compute
import Formats
import Testing

@testable import Inspect

@Suite struct LoadedNamesTests {
  @Test func `every line of the table makes sense`() {
    for row in LoadedNames.table {
      #expect(!row.models.isEmpty && !row.rules.isEmpty)
      for rule in row.rules { #expect(throws: Never.self) { try LoadedNames.Rule(rule) } }
    }
  }

  @Test func `a line of the table goes on behind a backslash`() {
    let rows = LoadedNames.rows("a b \\\nc\n  x -> \\\n    y + \\\n    z\n  v -> w\nd\n  e -> f")
    #expect(rows.map(\.models) == [["a", "b", "c"], ["d"]])
    #expect(rows.map(\.rules) == [["  x -> y + z", "  v -> w"], ["  e -> f"]])
  }

  struct Case: CustomTestStringConvertible {
    let configuration: String
    let file: String
    let loaded: String
    let place: BasePlace?
    var testDescription: String { loaded }

    init(_ configuration: String, _ file: String, _ loaded: String, _ place: BasePlace? = nil) {
      self.configuration = configuration
      self.file = file
      self.loaded = loaded
      self.place = place ?? .whole(file)
    }
  }

  static let cases = [
    Case(
      #"{"model_type": "vit"}"#, "vit.encoder.layer.1.attention.attention.query.bias",
      "vit.layers.1.attention.q_proj.bias"),
    Case(
      #"{"model_type": "vit"}"#, "vit.encoder.layer.1.output.dense.weight",
      "vit.layers.1.mlp.fc2.weight"),
    // An expression that ends with a letter ends where a name does.
    Case(
      #"{"model_type": "vit"}"#, "x.output.denser.weight", "x.mlp.fc2r.weight", .parts([])),
    Case(
      #"{"model_type": "dinov2"}"#, "encoder.layer.0.mlp.weights_in.weight",
      "encoder.layer.0.mlp.up_proj.weight",
      .part(tensor: "encoder.layer.0.mlp.weights_in.weight", index: 1, count: 2)),
    // The types of parts count, classes only for the whole.
    Case(
      #"{"model_type": "both", "decoder": {"model_type": "mixtral"}}"#,
      "decoder.layers.0.block_sparse_moe.gate.weight", "decoder.layers.0.mlp.gate.weight"),
    Case(
      #"{"model_type": "gpt_neox", "architectures": ["GPTNeoXForCausalLM"]}"#,
      "embed_out.weight", "lm_head.weight"),
    Case("{}", "a.LayerNorm.gamma", "a.LayerNorm.weight"),
    // Code of its own loads the files.
    Case(
      #"{"model_type": "mixtral", "auto_map": {"AutoModel": "own.Model"}}"#,
      "layers.0.block_sparse_moe.gate.weight", "layers.0.mlp.gate.weight", .parts([])),
  ]

  private func names(_ tensors: [String], _ configuration: String) throws -> LoadedNames {
    let json = try JSONValue(parsing: Array(configuration.utf8))
    return LoadedNames(tensors, configuration: ModelConfiguration(json))
  }

  @Test(arguments: cases)
  func `gives the tensors of files the names of the loaded model`(row: Case) throws {
    let names = try names([row.file, "other.weight"], row.configuration)
    #expect(names[row.loaded] == (row.place == .parts([]) ? nil : row.place))
  }

  @Test func `two tensors that would be loaded as one are neither`() throws {
    let both = ["0.output.dense.bias", "0.intermediate.dense.bias"].map { "a.\($0)" }
    let alike = ["a.0.mlp.dense1.weight", "a.0.mlp.dense1.bias", "b.mlp.dense1.weight"]
    let names = try names(
      both + alike + ["a.LayerNorm.gamma", "b.layer_norm_1.weight", "b.layer_norm_1.bias"],
      #"{"model_type": "segformer", "decoder": {"model_type": "swin"}}"#)
    #expect(names.tensor("b.mlp.fc1.weight") == "b.mlp.dense1.weight")
    let twice = try self.names(
      [
        "a.LayerNorm.gamma", "a.LayerNorm.beta", "x.encoder.layer.0.intermediate.dense.weight",
        "x.layers.0.intermediate.dense.weight",
      ], #"{"model_type": "vit"}"#)
    #expect(twice["x.layers.0.mlp.fc1.weight"] == nil)
    #expect(twice["a.LayerNorm.bias"] == .whole("a.LayerNorm.beta"))
  }

  @Test func `a module has the name of its weight`() throws {
    let names = try names(
      ["layers.1.block_sparse_moe.router.layer.weight"], #"{"model_type": "granitemoe"}"#)
    #expect(
      names.module("layers.1.block_sparse_moe.router")
        == "layers.1.block_sparse_moe.router.layer")
    #expect(names.module("layers.9.block_sparse_moe.router") == nil)
  }
}
