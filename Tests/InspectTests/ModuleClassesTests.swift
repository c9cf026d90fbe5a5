import Formats
import Testing

@testable import Inspect

@Suite struct ModuleClassesTests {
  struct ClassCase: CustomTestStringConvertible, Sendable {
    let configuration: String
    let module: String
    /// Nil where nothing tells.
    let isConv1D: Bool?
    var testDescription: String { "\(module) of \(configuration)" }
  }

  static let cases = [
    ClassCase(configuration: #"{"model_type": "gpt2"}"#, module: "c_proj", isConv1D: true),
    ClassCase(configuration: #"{"model_type": "gpt2"}"#, module: "lm_head", isConv1D: false),
    ClassCase(configuration: #"{"model_type": "openai-gpt"}"#, module: "c_attn", isConv1D: true),
    ClassCase(configuration: #"{"model_type": "imagegpt"}"#, module: "c_fc", isConv1D: true),
    ClassCase(
      configuration: #"{"model_type": "gpt_bigcode"}"#, module: "c_proj", isConv1D: false),
    ClassCase(configuration: #"{"model_type": "llama"}"#, module: "q_proj", isConv1D: false),
    ClassCase(
      configuration: #"""
        {"model_type": "encoder-decoder", "encoder": {"model_type": "bert"},
         "decoder": {"model_type": "gpt2"}}
        """#, module: "c_proj", isConv1D: true),
    ClassCase(
      configuration: #"""
        {"model_type": "encoder-decoder", "encoder": {"model_type": "bert"},
         "decoder": {"model_type": "gpt2"}}
        """#, module: "query", isConv1D: false),
    // Code that is not transformers' own may call a class of any kind so.
    ClassCase(
      configuration: #"{"model_type": "jais", "auto_map": {"AutoModel": "modeling_jais.Model"}}"#,
      module: "c_proj", isConv1D: nil),
    ClassCase(configuration: "{}", module: "c_proj", isConv1D: nil),
  ]

  @Test(arguments: cases)
  func `the model's type tells the class of a module`(row: ClassCase) throws {
    let json = try JSONValue(parsing: Array(row.configuration.utf8))
    #expect(ModuleClasses(ModelConfiguration(json)).isConv1D(row.module[...]) == row.isConv1D)
  }

  @Test func `a namesake that is not square counts more than the model's type`() throws {
    let json = try JSONValue(parsing: Array(#"{"model_type": "not_of_transformers"}"#.utf8))
    let orientation = Orientation(
      decided: [("h.0.mlp.c_proj", .transposed)], classes: ModuleClasses(ModelConfiguration(json)),
      configuration: nil)
    #expect(orientation.isTransposed("h.0.attn.c_proj", .either) == true)
    #expect(orientation.isTransposed("h.0.attn.q_proj", .either) == false)
  }

  @Test(arguments: [
    (model: "gpt2", flag: false, module: "c_proj", isTransposed: true),
    (model: "llama", flag: true, module: "q_proj", isTransposed: false),
  ])
  func `the model's type counts more than the adapter's flag`(
    model: String, flag: Bool, module: String, isTransposed: Bool
  ) throws {
    func json(_ text: String) throws -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }
    let orientation = Orientation(
      decided: [],
      classes: ModuleClasses(ModelConfiguration(try json(#"{"model_type": "\#(model)"}"#))),
      configuration: try AdapterConfiguration(
        json(#"{"r": 2, "fan_in_fan_out": \#(flag)}"#), path: "adapter_config.json"))
    #expect(orientation.isTransposed("h.0.\(module)", .either) == isTransposed)
  }
}
