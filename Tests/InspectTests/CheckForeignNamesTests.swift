import Formats
import TestSupport
import Testing

@testable import Inspect

/// Names of a family that what loads them does not have, and files that are no weights.
@Suite struct CheckForeignNamesTests {
  private func report(
    _ records: [TensorRecord], against reference: CheckpointCheck.Reference = .nothing
  ) throws -> CheckReport {
    try CheckpointCheck(Checkpoint(path: "x", format: .safetensors, records: records))
      .report(against: reference, readsValues: false)
  }

  /// All but that these tensors have no data.
  private func findings(_ report: CheckReport) -> [Finding] {
    report.findings.filter { $0.code != .zeroSizeTensor }
  }

  private func told(_ report: CheckReport) -> [String] {
    findings(report).map { finding in
      "\(finding.severity.rawValue) \(finding.code.rawValue): \(finding.message)"
        + (finding.fix.map { " → \($0)" } ?? "")
    }
  }

  private func wanted(_ names: [String], configurations: [String] = []) -> KeyList {
    KeyList(path: "b", names.map { .init($0, [4, 2]) }, configurations: configurations)
  }

  private static let meta = ["wq", "wk", "wv", "wo"].map { "layers.0.attention.\($0).weight" }
  private static let llama = ["q", "k", "v", "o"].map {
    "model.layers.0.self_attn.\($0)_proj.weight"
  }
  private static let ofMeta =
    "the names are those of Meta's files of Llama, which Mistral's have too, and the rows of q and "
    + "k lie in another order than transformers has them"

  @Test func `Meta's names are told alone`() throws {
    #expect(
      told(try report(Self.meta.map { tensor($0, [4, 2]) })) == [
        "note prefix-drift: \(Self.ofMeta): transformers does not load them so → tenon remap x -o "
          + "x-renamed --preset meta-to-hf --attention-heads HEADS --key-value-heads HEADS_OF_KEYS"
      ])
    // One such word is no family.
    #expect(told(try report([tensor("layers.0.attention.wq.weight", [4, 2])])).isEmpty)
  }

  @Test func `Meta's names are never offered a renaming`() throws {
    let records = Self.meta.map { tensor($0, [4, 2]) }
    let blind = try report(records, against: .expected(wanted(Self.llama)))
    #expect(
      told(blind)[0]
        == "error prefix-drift: \(Self.ofMeta): the preset meta-to-hf gives them those that b wants, "
        + "and needs the number of heads, which no config.json or params.json tells → tenon remap x "
        + "-o x-renamed --preset meta-to-hf --attention-heads HEADS --key-value-heads HEADS_OF_KEYS"
    )
    #expect(blind.suggestedMap == nil)

    let directory = TemporaryDirectory()
    let configuration = try directory.write(
      #"{"num_attention_heads": 2, "num_key_value_heads": 2}"#, to: "config.json")
    let whole = try report(
      records, against: .expected(wanted(Self.llama, configurations: [configuration])))
    #expect(
      told(whole) == [
        "error prefix-drift: 4 of the 4 missing keys are there under other names: the preset "
          + "meta-to-hf makes them of layers.0.attention.wk.weight, layers.0.attention.wo.weight, … "
          + "(4 patterns); \(Self.ofMeta) → tenon remap x -o x-renamed --preset meta-to-hf "
          + "--to-match b"
      ])
    // Where the base lacks some of it, the command states the heads and asks for no match.
    let part = try report(
      records + [tensor("layers.0.own.weight", [4, 2])],
      against: .expected(wanted(Self.llama, configurations: [configuration])))
    #expect(
      part.findings[0].fix
        == "tenon remap x -o x-renamed --preset meta-to-hf --attention-heads 2 --key-value-heads 2")
  }

  @Test func `gamma and beta are weights and biases`() throws {
    func norms(_ words: [String]) -> [String] {
      ["a", "b"].flatMap { layer in words.map { "bert.\(layer).LayerNorm.\($0)" } }
    }
    let records = norms(["gamma", "beta"]).map { tensor($0, [4, 2]) }
    let family = "the names are those of BERT's first files, which come from TensorFlow"
    #expect(
      told(try report(records)) == [
        "note prefix-drift: \(family): from_pretrained of transformers renames them by itself → "
          + "tenon remap x -o x-renamed --preset tensorflow-bert"
      ])
    let found = try report(records, against: .expected(wanted(norms(["weight", "bias"]))))
    #expect(
      findings(found).map(\.fix) == [
        #"tenon remap x -o x-renamed --rename 'LayerNorm\.gamma$=LayerNorm.weight' "#
          + #"--rename 'LayerNorm\.beta$=LayerNorm.bias'"#
      ])
    #expect(found.findings[0].message.hasSuffix("; \(family)"))
  }

  @Test func `a log of parts that the file holds fused names the presets`() throws {
    func layer(_ words: [String]) -> [String] { words.map { "model.layers.0.mlp.\($0).weight" } }
    let missing = layer(["gate_proj", "up_proj"])
    let log =
      "Missing key(s) in state_dict: "
      + missing.map { "\"\($0)\"" }.joined(separator: ", ")
      + ".\nUnexpected key(s) in state_dict: \"\(layer(["gate_up_proj"])[0])\".\n"
    for isFile in [true, false] {
      let found = try report(
        layer(["gate_up_proj", "down_proj"]).map { tensor($0, [4, 2]) },
        against: .log(log, source: "log", isFile: isFile))
      #expect(
        told(found) == [
          "error prefix-drift: 2 of the 2 missing keys are there split or fused: the preset "
            + "split-gate-up makes them of \(layer(["gate_up_proj"])[0]) → tenon remap x -o x-renamed "
            + "--preset split-gate-up\(isFile ? " --to-match log" : "")"
        ])
    }
  }

  static let quantised = [
    (["a.weight", "a.SCB"], "a.SCB", "bitsandbytes with 8 bits"),
    (["a.weight", "a.weight_format"], "a.weight_format", "bitsandbytes with 8 bits"),
    (["a.weight", "a.weight.absmax"], "a.weight.absmax", "bitsandbytes with 4 bits"),
    (
      ["a.weight", "a.weight.quant_state.bitsandbytes__nf4"],
      "a.weight.quant_state.bitsandbytes__nf4", "bitsandbytes with 4 bits"
    ),
    (["a.qweight"], "a.qweight", "GPTQ or AWQ"),
    (["a.weight_packed"], "a.weight_packed", "compressed-tensors"),
  ]

  @Test(arguments: quantised)
  func `keys of a quantisation are called so`(names: [String], own: String, library: String) throws
  {
    let records = names.map { tensor($0) }
    let alone = findings(try report(records))
    #expect(alone.map(\.code) == [.quantisedBase] && alone[0].severity == .note)
    #expect(
      alone[0].message.hasPrefix(
        "tensor \(own.quoted) is what \(library) keeps beside weights that it quantised: an adapter "
          + "cannot be merged into them"))
    let loaded = try report(
      records, against: .expected(KeyList(path: "b", [.init("a.weight", [2, 2])])))
    let error = try #require(loaded.findings.first { $0.code == .quantisedBase })
    #expect(error.severity == .error && error.tensors == [own])
    #expect(loaded.findings.count { $0.code == .quantisedBase } == 1)
    #expect(!loaded.findings.contains { $0.code == .unmatchedKey })
  }
}
