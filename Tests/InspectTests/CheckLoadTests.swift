import Formats
import TestSupport
import Testing

@testable import Inspect

@Suite struct CheckLoadTests {
  private func load(_ records: [TensorRecord], into entries: [KeyList.Entry]) -> StrictLoad {
    StrictLoad(records, into: KeyList(path: "x", entries))
  }

  @Test func `makes the lists of a strict load`() {
    let found = load(
      [tensor("a"), tensor("b", [3]), tensor("extra"), tensor("unshaped", [7])],
      into: [
        .init("missing", [1]), .init("a", [2, 2]), .init("b", [4]),
        .init("unshaped"),
      ])
    #expect(found.missing == ["missing"])
    #expect(found.unexpected == ["extra"])
    #expect(found.mismatched == [StrictLoad.Mismatch("b", expected: [4], found: [3])])
  }

  @Test(arguments: [([1], [], true), ([], [1], false), ([1, 1], [], false), ([], [], true)])
  func `copies a vector of one element into a scalar, as torch does`(
    found: [Int], expected: [Int], fits: Bool
  ) {
    let load = load([tensor("a", found)], into: [.init("a", expected)])
    #expect(load.isClean == fits)
  }

  @Test(arguments: [
    (["p.conv.weight_g", "p.conv.weight_v"], true), (["p.conv.weight_g"], false),
    (["p.conv.weight"], false),
  ])
  func `takes the names that weight norm had before it was a parametrization`(
    names: [String], isClean: Bool
  ) {
    let load = load(
      names.map { tensor($0, $0.hasSuffix("g") ? [1, 1, 3] : [4, 2, 3]) },
      into: [
        .init("p.conv.parametrizations.weight.original0", [1, 1, 3]),
        .init("p.conv.parametrizations.weight.original1", [4, 2, 3]),
      ])
    #expect(load.isClean == isClean)
    #expect(load.unexpected == (isClean ? [] : names))
  }

  @Test(arguments: [(FileFormat.safetensors, true), (.hdf5, true), (.pytorchZip, false)])
  func `misses the count of batch normalisation only where a version is said`(
    format: FileFormat, isClean: Bool
  ) {
    let checkpoint = Checkpoint(path: "x", format: format, records: [tensor("bn.weight", [2])])
    let load = StrictLoad(
      checkpoint,
      into: KeyList(
        path: "base", [.init("bn.weight", [2]), .init("bn.num_batches_tracked", [])]))
    #expect(load.missing == (isClean ? [] : ["bn.num_batches_tracked"]))
  }

  struct KeysCase: CustomTestStringConvertible {
    let name: String
    let text: String
    let entries: [String]
    var testDescription: String { name }
  }

  static let keys = [
    KeysCase(name: "names", text: "a.b\n\n# said before\nc\r\n", entries: ["a.b nil", "c nil"]),
    KeysCase(
      name: "as inspect prints them", text: "a.b  BF16  [2, 3]\nc    F32   []\n",
      entries: ["a.b [2, 3]", "c []"]),
    KeysCase(name: "as torch prints shapes", text: "a torch.Size([2, 3])\n", entries: ["a [2, 3]"]),
    KeysCase(
      name: "an index", text: #"{"metadata": {}, "weight_map": {"a": "x-1", "b": "x-2"}}"#,
      entries: ["a nil", "b nil"]),
    KeysCase(
      name: "names and shapes", text: #"{"a": [1, 2], "b": []}"#, entries: ["a [1, 2]", "b []"]),
    KeysCase(name: "a list", text: #"["a", "b"]"#, entries: ["a nil", "b nil"]),
    KeysCase(
      name: "what inspect --json prints",
      text: #"{"schema": 1, "tensors": [{"name": "a", "dtype": "F32", "shape": [5]}]}"#,
      entries: ["a [5]"]),
  ]

  @Test(arguments: keys)
  func `reads names in every form`(row: KeysCase) throws {
    let directory = TemporaryDirectory()
    let expected = try KeySource(directory.write(row.text, to: "keys")).keys
    #expect(expected.entries.map { "\($0.name) \($0.shape?.description ?? "nil")" } == row.entries)
  }

  @Test(
    arguments: [
      (["a.B", "a.b"], 2), (["e\u{301}", "\u{E9}"], 2), (["a", "a "], 2), (["a", "b"], 0),
      (["a\u{200B}", "a"], 2),
    ] as [([String], Int)])
  func `finds names that look alike`(names: [String], count: Int) {
    #expect(NameChecks.lookAlikes(names).flatMap(\.tensors).count == count)
  }

  @Test(arguments: [
    ("base_model.model.x.lora_A.default.weight", "base_model.model.x.lora_A.weight"),
    ("base_model.model.x.lora_embedding_A.default", "base_model.model.x.lora_embedding_A"),
    ("x.lora_magnitude_vector.default.weight", "x.lora_magnitude_vector"),
    ("base_model.model.x.lora_B.default.bias", "base_model.model.x.lora_B.bias"),
    ("base_model.model.x.lora_A.weight", "base_model.model.x.lora_A.weight"),
    ("base_model.model.x.hada_w1_a.default", "base_model.model.x.hada_w1_a"),
    ("base_model.model.x.ia3_l.default", "base_model.model.x.ia3_l"),
    ("base_model.model.x.oft_R.default.weight", "base_model.model.x.oft_R.weight"),
    (
      "base_model.model.x.token_adapter.trainable_tokens_delta.default",
      "base_model.model.x.token_adapter.trainable_tokens_delta"
    ),
    ("model.x.weight", "model.x.weight"),
  ])
  func `knows how PEFT saves a key of its model`(key: String, saved: String) {
    #expect(AdapterKey.saved(key) == saved)
  }
}
