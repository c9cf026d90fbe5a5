import Formats
import Testing

@testable import Inspect

@Suite struct RenamingConfigurationTests {
  /// The configuration after rules, for an adapter of these modules.
  private func renamed(
    _ json: String, modules: [String], saved: [String] = [], baseLayers: [String] = [],
    _ rules: String...
  ) throws -> JSONValue {
    let before =
      baseLayers.map { "base_model.model.\($0).base_layer.weight" }
      + modules.flatMap {
        ["base_model.model.\($0).lora_A.weight", "base_model.model.\($0).lora_B.weight"]
      } + saved.map { "base_model.model.\($0).weight" }
    let map = KeyMap(try rules.map { try RenameRule(argument: $0) })
    let after = try map.renaming(of: before).results
    return ConfigurationRenaming(from: before, to: after, family: "lora")
      .renamed(try JSONValue(parsing: Array(json.utf8)))
  }

  private func text(_ value: JSONValue?) -> String {
    var writer = JSONWriter()
    writer.value(value ?? .null)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  private let layers = (0..<2).flatMap {
    ["model.layers.\($0).attn.q", "model.layers.\($0).attn.k"]
  }

  @Test func `renames targets where their words change`() throws {
    let config = try renamed(
      #"{"r": 4, "target_modules": ["q", "attn.k", "unused"]}"#, modules: layers,
      #"\.attn\.=.self_attn."#, #"\.q\.=.q_proj."#)
    #expect(text(config["target_modules"]) == #"["q_proj","self_attn.k","unused"]"#)
    #expect(config["r"] == .number("4"))
  }

  @Test func `keeps targets that mean the same afterwards`() throws {
    let json = #"{"target_modules": ["q", "k"], "rank_pattern": {"layers.1.attn.q": 8}}"#
    let config = try renamed(json, modules: layers, #"model\.layers=model.text.layers"#)
    #expect(config == (try JSONValue(parsing: Array(json.utf8))))
  }

  @Test func `spells out an expression that does not match any more`() throws {
    let config = try renamed(
      #"{"target_modules": ".*\\.attn\\.(q|k)"}"#, modules: layers, #"\.attn\.=.self_attn."#)
    #expect(
      text(config["target_modules"])
        == #"["model.layers.0.self_attn.k","model.layers.0.self_attn.q","#
        + #""model.layers.1.self_attn.k","model.layers.1.self_attn.q"]"#)
    let kept = try renamed(
      #"{"target_modules": ".*\\.(q|k)"}"#, modules: layers, #"\.attn\.=.self_attn."#)
    #expect(text(kept["target_modules"]) == #"".*\\.(q|k)""#)
  }

  @Test func `gives every module the rank and alpha that it had`() throws {
    let config = try renamed(
      #"{"r": 4, "rank_pattern": {"layers.1.attn.q": 8, "attn.k": 2}, "alpha_pattern": {"^model.layers.0.*": 3}}"#,
      modules: layers, #"\.attn\.=.self_attn."#, "^base_model.model.model=base_model.model.text")
    #expect(text(config["rank_pattern"]) == #"{"layers.1.self_attn.q":8,"self_attn.k":2}"#)
    #expect(
      text(config["alpha_pattern"])
        == #"{"^text\\.layers\\.0\\.self_attn\\.q":3,"^text\\.layers\\.0\\.self_attn\\.k":3}"#)
  }

  @Test func `renames modules to save`() throws {
    let config = try renamed(
      #"{"modules_to_save": ["lm_head"], "trainable_token_indices": {"lm_head": [1]}}"#,
      modules: layers, saved: ["lm_head"], #"lm_head=output"#)
    #expect(text(config["modules_to_save"]) == #"["output"]"#)
    #expect(text(config["trainable_token_indices"]) == #"{"output":[1]}"#)
  }

  @Test func `renames a target whose own weight is in the adapter too`() throws {
    let config = try renamed(
      #"{"target_modules": ["q", "embed_tokens"]}"#, modules: layers + ["model.embed_tokens"],
      baseLayers: ["model.embed_tokens"], #"\.q\.=.wq."#, #"\.embed_tokens\.=.wte."#)
    #expect(text(config["target_modules"]) == #"["wq","wte"]"#)
  }

  @Test func `renames containers of modules to save`() throws {
    let config = try renamed(
      #"{"modules_to_save": ["model.layers.1.v", "layers.2.mlp", "norms"]}"#, modules: layers,
      saved: [
        "model.layers.1.v", "model.layers.2.mlp.gate", "model.layers.2.mlp.up", "norms.a",
        "norms.b",
      ], #"\.layers\.=.blocks."#, #"\.mlp\.=.ffn."#, #"\.v\.=.wv."#, #"norms\.a=left.a"#)
    #expect(
      text(config["modules_to_save"])
        == #"["model.blocks.1.wv","blocks.2.ffn","left.a","norms.b"]"#)
    let short = try renamed(
      #"{"modules_to_save": ["mlp"]}"#, modules: layers,
      saved: ["model.layers.2.mlp.gate", "model.layers.2.mlp.up"], #"\.mlp\.=.ffn."#)
    #expect(text(short["modules_to_save"]) == #"["ffn"]"#)
  }

  @Test(arguments: [
    (#"["q"]"#, #"["wq"]"#),
    (#"".*\\.q""#, #"["model.layers.0.attn.wq","model.layers.1.attn.wq"]"#),
    (#"".*\\.k""#, #"".*\\.k""#),
  ])
  func `renames modules of the feed-forward part`(old: String, new: String) throws {
    let config = try renamed(
      #"{"target_modules": ["q", "k"], "feedforward_modules": \#(old)}"#, modules: layers,
      #"\.q\.=.wq."#)
    #expect(text(config["feedforward_modules"]) == new)
  }

  @Test func `leaves out the same modules`() throws {
    let config = try renamed(
      #"{"target_modules": ["q", "k"], "exclude_modules": ["layers.7.attn.q"]}"#, modules: layers,
      #"\.layers\.=.blocks."#, #"\.q\.=.wq."#)
    #expect(text(config["target_modules"]) == #"["wq","k"]"#)
    #expect(text(config["exclude_modules"]) == #"["blocks.7.attn.wq"]"#)
    // What is left out has no names to be told by: all others are named.
    for excluded in [#""model\\.layers\\.7\\..*""#, #"["layers.7.mlp"]"#] {
      let spelled = try renamed(
        #"{"target_modules": ["q"], "exclude_modules": \#(excluded)}"#,
        modules: ["model.layers.0.q", "model.layers.1.q"], #"\.layers\.=.blocks."#)
      #expect(text(spelled["target_modules"]) == #"["model.blocks.0.q","model.blocks.1.q"]"#)
      #expect(text(spelled["exclude_modules"]) == "null")
    }
  }

  @Test func `chooses the same layers by the new name of their list`() throws {
    let json =
      #"{"layers_to_transform": [0, 1], "layers_pattern": "layers", "target_modules": ["q", "k"]}"#
    let config = try renamed(json, modules: layers, #"\.layers\.=.blocks."#)
    #expect(text(config["layers_pattern"]) == #""blocks""#)
    #expect(text(config["layers_to_transform"]) == "[0,1]")
    let kept = try renamed(json, modules: layers, #"model\.layers=model.text.layers"#)
    #expect(kept == (try JSONValue(parsing: Array(json.utf8))))
  }

  @Test func `chooses layers that have other numbers`() throws {
    let config = try renamed(
      #"{"layers_to_transform": 1, "layers_pattern": ["h"], "target_modules": ["q"]}"#,
      modules: ["model.h.1.q"], #"\.h\.1\.=.layer.0."#)
    #expect(text(config["layers_to_transform"]) == "0")
    #expect(text(config["layers_pattern"]) == #"["layer"]"#)
  }

  @Test func `names every module where no list would choose them`() throws {
    // PEFT finds no number where nothing stands before the list.
    let config = try renamed(
      #"{"layers_to_transform": [0, 1], "layers_pattern": null, "target_modules": ["q", "k"]}"#,
      modules: layers, #"^base_model\.model\.model\.layers=base_model.model.layers"#)
    #expect(
      text(config["target_modules"])
        == #"["layers.0.attn.k","layers.0.attn.q","layers.1.attn.k","layers.1.attn.q"]"#)
    #expect(config["layers_to_transform"] == nil)
    let flat = try renamed(
      #"{"layers_to_transform": [1], "layers_pattern": ["h"], "target_modules": ["q"]}"#,
      modules: ["model.h.1.q"], #"\.h\.1\.=.h_1."#)
    #expect(text(flat["target_modules"]) == #"["model.h_1.q"]"#)
  }
}
