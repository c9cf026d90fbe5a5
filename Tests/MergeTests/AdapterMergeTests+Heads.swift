import Formats
import Inspect
import TestSupport
import Testing

@testable import Merge

/// Heads that a base has not got, or has for another number of labels.
extension AdapterMergeTests {
  struct HeadCase: CustomTestStringConvertible, Sendable {
    let name: String
    let configuration: String
    var fields = #", "modules_to_save": ["score"], "task_type": "SEQ_CLS""#
    /// The rows of the base's head; nil where it has none.
    var old: Int?
    let rows: Int
    /// What the configuration says afterwards.
    let says: [String]
    var saysNot: [String] = []
    /// By severity.
    let told: [String]
    var testDescription: String { name }
  }

  private static let new =
    "tensor \"score.weight\" is new, as the base has no such tensor: "
  private static func labels(_ rows: Int, _ old: Int, _ names: String) -> String {
    "note: the adapter brings a head of \(rows) label\(rows == 1 ? "" : "s"), where the base has "
      + "\(old): id2label and label2id of config.json become \(names), as no file says their names"
  }
  private static let classified =
    "note: \(new)architectures of config.json becomes LlamaForSequenceClassification, the class that "
    + "was trained"
  private static let unclassified =
    "warning: \(new)the result loads as the class of model that was trained, which architectures of "
    + "config.json may not name"

  static let heads = [
    HeadCase(
      name: "a new head",
      configuration: #"{"architectures": ["LlamaForCausalLM"], "text": {"id2label": {}}}"#, rows: 3,
      says: [
        #""id2label": {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}"#,
        #""label2id": {"LABEL_0": 0, "LABEL_1": 1, "LABEL_2": 2}"#,
        #""architectures": ["LlamaForSequenceClassification"]"#, #""text": {"id2label": {}}"#,
      ], saysNot: ["num_labels"], told: [labels(3, 2, "LABEL_0 to LABEL_2"), classified]),
    HeadCase(
      name: "as many labels as there are without a word",
      configuration: #"{"architectures": ["LlamaForCausalLM"]}"#, rows: 2,
      says: [#""architectures": ["LlamaForSequenceClassification"]"#], saysNot: ["id2label"],
      told: [classified]),
    HeadCase(
      name: "a class that transformers has not",
      configuration: #"{"architectures": ["OwnForCausalLM"]}"#, rows: 1,
      says: [#""id2label": {"0": "LABEL_0"}"#, "OwnForCausalLM"],
      told: [labels(1, 2, "LABEL_0"), unclassified]),
    HeadCase(
      name: "a layer of one's own under the name of the head",
      configuration: #"{"architectures": ["LlamaForCausalLM"], "hidden_size": 8}"#, rows: 3,
      says: ["LlamaForCausalLM"], told: [labels(3, 2, "LABEL_0 to LABEL_2"), unclassified]),
    HeadCase(
      name: "other labels than the base has",
      configuration: """
        {"architectures": ["LlamaForSequenceClassification"], "num_labels": 4,
         "id2label": {"0": "a", "1": "b", "2": "c", "3": "d"}, "label2id": {"a": 0}}
        """,
      old: 4, rows: 3, says: [#""2": "LABEL_2""#, #""LABEL_2": 2"#, #""num_labels": 3"#],
      saysNot: [#""d""#, #""a""#], told: [labels(3, 4, "LABEL_0 to LABEL_2")]),
    HeadCase(
      name: "a choice among several texts, of which each has one row",
      configuration: #"{"architectures": ["BertModel"]}"#,
      fields: """
        , "modules_to_save": ["score"], "auto_mapping": {"base_model_class":
        "BertForMultipleChoice", "parent_library": "transformers.models.bert.modeling_bert"}
        """,
      rows: 1, says: ["BertForMultipleChoice"], saysNot: ["id2label"],
      told: [
        "note: \(new)architectures of config.json becomes BertForMultipleChoice, the class that was "
          + "trained"
      ]),
  ]

  @Test(arguments: heads)
  func `a head brings its labels and the class of the model`(row: HeadCase) throws {
    let directory = TemporaryDirectory()
    var tensors: KeyValuePairs<String, TestTensor> = ["model.q_proj.weight": ones([4, 4])]
    if let old = row.old {
      tensors = ["model.q_proj.weight": ones([4, 4]), "score.weight": ones([old, 4])]
    }
    let base = try base(in: directory, row.configuration, tensors)
    let factors = pair("model.q_proj", 4, 4).map { ($0, $1) }
    let adapter = try adapter(
      in: directory, fields: row.fields,
      factors + [("base_model.model.score.weight", ones([row.rows, 4]))])
    let plan = try plan(base, [WeightedAdapter(adapter)])
    #expect(plan.tensors.first { $0.name == "score.weight" }?.shape == [row.rows, 4])
    let text = try #require(configuration(plan)).replacing(#/\s+/#, with: " ")
      .replacing("{ ", with: "{").replacing(" }", with: "}")
      .replacing("[ ", with: "[").replacing(" ]", with: "]")
    for field in row.says { #expect(text.contains(field), "\(text)") }
    for field in row.saysNot { #expect(!text.contains(field), "\(text)") }
    #expect(
      plan.findings.filter { $0.code == .configMismatch }
        .map { "\($0.severity.rawValue): \($0.message)" } == row.told)
  }

  @Test func `a tensor of another shape that counts neither tokens nor labels is refused`() throws {
    let directory = TemporaryDirectory()
    let base = try base(
      in: directory, "{}",
      ["model.q_proj.weight": ones([4, 4]), "model.positions.weight": ones([8, 4])])
    let adapter = try adapter(
      in: directory,
      fields: #", "modules_to_save": ["positions"], "base_model_name_or_path": "mine/long""#,
      ["base_model.model.model.positions.weight": ones([9, 4])])
    let error = #expect(throws: CheckpointError.self) {
      try plan(base, [WeightedAdapter(adapter)])
    }
    #expect(
      error?.message == "has shape [9, 4], but model.positions.weight of the base, whose place it "
        + "takes, has [8, 4]")
    #expect(error?.fix == "merge into the model that was trained, mine/long")
  }

  @Test func `a bare base takes what a class with a head calls otherwise`() throws {
    let directory = TemporaryDirectory()
    let base = try base(
      in: directory, #"{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}"#,
      ["h.0.q.weight": ones([4, 4]), "wte.weight": ones([5, 4])])
    let factors = pair("transformer.h.0.q", 4, 4).map { ($0, $1) }
    let adapter = try adapter(
      in: directory, fields: #", "modules_to_save": ["wte"], "task_type": "CAUSAL_LM""#,
      factors + [("base_model.model.transformer.wte.weight", zeros([5, 4]))])
    let plan = try plan(base, [WeightedAdapter(adapter)])
    #expect(plan.tensors.filter(\.isTarget).map(\.name) == ["h.0.q.weight", "wte.weight"])
    #expect(plan.tensors.filter(\.isReplacement).map(\.name).contains("wte.weight"))
    #expect(plan.findings.contains { $0.code == .prefixDrift && $0.severity == .note })
  }
}
