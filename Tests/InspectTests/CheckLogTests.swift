import Formats
import Testing

@testable import Inspect

@Suite struct CheckLogTests {
  struct LogCase: CustomTestStringConvertible {
    let name: String
    let text: String
    var missing: [String] = []
    var unexpected: [String] = []
    /// Name, expected and found.
    var mismatched: [String] = []
    var subjects: Set<LoadLog.Subject> = [.model]
    var testDescription: String { name }
  }

  /// More letters than a name has.
  private static let many = (0..<100).map { "down_blocks.\($0).resnets.0.conv1.weight" }

  static let cases = [
    LogCase(
      name: "torch",
      text: """
        RuntimeError: Error(s) in loading state_dict for Net:
        \tMissing key(s) in state_dict: "plora_glb_GN", "model.a.weight".\u{20}
        \tUnexpected key(s) in state_dict: "base_model.model.model.a.lora_A.weight".\u{20}
        \tsize mismatch for b: copying a param with shape torch.Size([2, 3]) from checkpoint, the \
        shape in current model is torch.Size([]).
        """,
      missing: ["plora_glb_GN", "model.a.weight"],
      unexpected: ["base_model.model.model.a.lora_A.weight"], mismatched: ["b [] [2, 3]"]),
    LogCase(
      name: "torch, lines broken by a terminal and the end cut",
      text: """
        Missing key(s) in state_dict: "a.b",
        "c.
        d", "e
        """, missing: ["a.b", "c.d"]),
    LogCase(
      name: "an old torch",
      text: "While copying: size mismatch for fc.weight: copying a param of torch.Size([10, 4]) "
        + "from checkpoint, where the shape is torch.Size([2, 4]) in current model.",
      mismatched: ["fc.weight [2, 4] [10, 4]"]),
    LogCase(
      name: "the result of a load that is not strict",
      text: "_IncompatibleKeys(missing_keys=['a', 'b'], unexpected_keys=['c'])",
      missing: ["a", "b"], unexpected: ["c"]),
    LogCase(
      name: "PEFT",
      text: "UserWarning: Found missing adapter keys while loading the checkpoint: "
        + "['base_model.model.x.lora_A.default.weight']. warnings.warn(warn_message)",
      missing: ["base_model.model.x.lora_A.default.weight"], subjects: [.adapter]),
    LogCase(
      name: "PEFT, another rank",
      text:
        "size mismatch for base_model.model.q.lora_A.default.weight: copying a param with shape "
        + "torch.Size([4, 8]) from checkpoint, the shape in current model is torch.Size([2, 8]).",
      mismatched: ["base_model.model.q.lora_A.default.weight [2, 8] [4, 8]"],
      subjects: [.adapter]),
    LogCase(
      name: "transformers 4",
      text: """
        Some weights of the model checkpoint at ./out were not used when initializing \
        LlamaForCausalLM: ['model.x.weight', 'y']
        - This IS expected if you are initializing from another task
        Some weights of LlamaForCausalLM were not initialized from the model checkpoint at ./out \
        and are newly initialized: ['lm_head.weight']
        Some weights were not initialized because the shapes did not match:
        - model.embed.weight: found shape torch.Size([65, 32]) in the checkpoint and \
        torch.Size([64, 32]) in the model instantiated
        """,
      missing: ["lm_head.weight"], unexpected: ["model.x.weight", "y"],
      mismatched: ["model.embed.weight [64, 32] [65, 32]"]),
    LogCase(
      name: "transformers 5, in colours",
      text: """
        \u{1B}[1mLlamaForCausalLM LOAD REPORT\u{1B}[0m from: ./out
        Key                          | Status                   |  |\u{20}
        -----------------------------+--------------------------+--+-
        model.layers.{0, 2}.a.weight | \u{1B}[38;5;208mUNEXPECTED\u{1B}[0m |  |\u{20}
        model.layers.{0...3}.b       | MISSING                  |\u{20}
        wte.weight                   | MISMATCH                 | Reinit due to size mismatch - \
        ckpt: torch.Size([65, 32]) vs model:torch.Size([64, 32])
        """,
      missing: (0...3).map { "model.layers.\($0).b" },
      unexpected: ["model.layers.0.a.weight", "model.layers.2.a.weight"],
      mismatched: ["wte.weight [64, 32] [65, 32]"]),
    LogCase(
      name: "diffusers, an adapter",
      text: "Loading adapter weights from state_dict led to unexpected keys found in the model: "
        + "['a.lora_A.weight']. led to missing keys in the model: ['b.lora_A.weight']",
      missing: ["b.lora_A.weight"], unexpected: ["a.lora_A.weight"], subjects: [.adapter]),
    LogCase(
      name: "diffusers, an adapter, names without quotes",
      text: "Loading adapter weights from state_dict led to unexpected keys found in the model: "
        + "a.lora_A.default_0.weight, b.lora_A.default_0.weight. Loading adapter weights from "
        + "state_dict led to missing keys in the model: c.lora_A.default_0.weight.",
      missing: ["c.lora_A.default_0.weight"],
      unexpected: ["a.lora_A.default_0.weight", "b.lora_A.default_0.weight"],
      subjects: [.adapter]),
    LogCase(
      name: "diffusers, a model",
      text: "Cannot load <class 'X'> from ./x because the following keys are missing:\u{20}\n "
        + "conv_in.weight, conv_in.bias. \nPlease make sure to pass",
      missing: ["conv_in.weight", "conv_in.bias"]),
    LogCase(
      name: "diffusers, a model of other shapes",
      text: "Cannot load ./x because conv.weight expected shape torch.Size([8]), but got "
        + "torch.Size([3, 3]). If you want\nCannot load down.weight because it has shape (4, 2) in "
        + "the checkpoint but shape (4,) in UNet. Pass",
      mismatched: ["conv.weight [8] [3, 3]", "down.weight [4] [4, 2]"]),
    LogCase(
      name: "diffusers, unused weights",
      text: "Some weights of the model checkpoint at unet were not used when initializing "
        + "UNet2DConditionModel:\u{20}\n ['foo.weight, bar.weight']",
      unexpected: ["foo.weight", "bar.weight"]),
    LogCase(
      name: "diffusers, many unused weights of one file",
      text: "Some weights of the model checkpoint were not used when initializing "
        + "UNet2DConditionModel:\u{20}\n ['\(many.joined(separator: ", "))']",
      unexpected: many),
    LogCase(
      name: "timm",
      text:
        "Missing keys (head.weight, head.bias) discovered while loading pretrained weights. This "
        + "is expected if model is being adapted.\nUnexpected keys (module.head.weight) found while "
        + "loading pretrained weights.",
      missing: ["head.weight", "head.bias"], unexpected: ["module.head.weight"]),
    LogCase(
      name: "mmengine",
      text: "The model and loaded state dict do not match exactly\n\nunexpected key in source "
        + "state_dict: module.a, module.b\n\nmissing keys in source state_dict: a, b\n",
      missing: ["a", "b"], unexpected: ["module.a", "module.b"]),
    LogCase(
      name: "diffusers 0.31, an adapter",
      text:
        "Loading adapter weights from state_dict led to unexpected keys not found in the model:  "
        + "['down.0.lora_A_1.default_0.weight', 'down.0.lora_B_1.default_0.weight']. ",
      unexpected: ["down.0.lora_A_1.default_0.weight", "down.0.lora_B_1.default_0.weight"],
      subjects: [.adapter]),
    LogCase(
      name: "diffusers, what its converter left of an adapter",
      text: "ValueError: `original_state_dict` should be empty at this point but has "
        + "original_state_dict.keys()=dict_keys(['double_blocks.0.alpha']).",
      unexpected: ["double_blocks.0.alpha"], subjects: [.adapter]),
    LogCase(
      name: "accelerate",
      text: "Some weights of the model checkpoint at x were not used when initializing Llama: "
        + "{'extra.weight'}. This may\nTrying to set a tensor of shape torch.Size([5, 2]) in "
        + "\"weight\" (which has shape torch.Size([4, 2])), this looks incorrect.",
      unexpected: ["extra.weight"], mismatched: ["weight [4, 2] [5, 2]"]),
    LogCase(
      name: "a trainer that resumes",
      text: "There were missing keys in the checkpoint model loaded: ['lm_head.weight'].\n"
        + "There were unexpected keys in the checkpoint model loaded: ['a', 'b'].",
      missing: ["lm_head.weight"], unexpected: ["a", "b"]),
    LogCase(
      name: "what people print", text: "missing keys: ['a']\nUnexpected keys: ['b', 'c']",
      missing: ["a"], unexpected: ["b", "c"]),
    LogCase(
      name: "a distributed checkpoint",
      text: "RuntimeError: Missing key in checkpoint state_dict: model.norm.weight.",
      missing: ["model.norm.weight"]),
    LogCase(
      name: "the first torch", text: "KeyError: 'unexpected key \"module.a\" in state_dict'",
      unexpected: ["module.a"]),
    LogCase(
      name: "torch, a value that cannot be copied",
      text: "While copying the parameter named \"a.weight\", whose dimensions in the model are "
        + "torch.Size([2, 2]) and whose dimensions in the checkpoint are torch.Size([2, 2]), an "
        + "exception occurred : ('no data!',).", subjects: []),
    LogCase(name: "nothing", text: "Traceback: it did not work: ['a']", subjects: []),
  ]

  @Test(arguments: cases)
  func `reads the keys that a failure names`(row: LogCase) {
    let log = LoadLog(row.text)
    #expect(log.load.missing == row.missing)
    #expect(log.load.unexpected == row.unexpected)
    #expect(log.load.mismatched.map { "\($0.name) \($0.expected) \($0.found)" } == row.mismatched)
    #expect(log.subjects == row.subjects)
  }

  @Test(arguments: cases)
  func `reads a log that was cut anywhere`(row: LogCase) {
    let whole = Set(LoadLog(row.text).load.missing)
    for count in 0..<row.text.count {
      let cut = LoadLog(String(row.text.prefix(count))).load.missing
      #expect(whole.isSuperset(of: cut.filter { !$0.isEmpty }) || cut.last.map(isPart) ?? true)
      func isPart(_ name: String) -> Bool { whole.contains { $0.hasPrefix(name) } }
    }
  }

  @Test(arguments: [
    ("layers.{0...3}.x", ["layers.0.x", "layers.1.x", "layers.2.x", "layers.3.x"]),
    ("a.{0, 2}.b.{1, 5}", ["a.0.b.1", "a.0.b.5", "a.2.b.1", "a.2.b.5"]),
    ("plain.name", ["plain.name"]),
    ("odd.{x}", ["odd.{x}"]),
    ("odd.{3...1}", ["odd.{3...1}"]),
    ("huge.{0...99999999999}", ["huge.{0...99999999999}"]),
    ("huge.{0...99999}.{0...99999}", (0...99999).map { "huge.\($0).{0...99999}" }),
  ])
  func `takes folded names apart within a limit`(text: String, names: [String]) {
    #expect(FoldedLine(text).names == names)
  }

  @Test(arguments: [
    ("forward() takes 2 positional arguments but 3 were given", "plora-lost"),
    ("No such file or directory: 'out/mm_projector.bin'", "missing-side-file"),
    ("Target modules {'wqkv'} not found in the base model. Please check", "wrong-base"),
    ("The size of tensor a (0) must match the size of tensor b (4096)", "zero-size-tensor"),
    ("lora key not loaded: diffusion_model.x.lora_A.weight", "prefix-drift"),
    ("Weights only load failed. This file can still be loaded", "unsafe-global"),
    (
      "Weights only load failed. … WeightsUnpickler error: \nUnsupported operand 118",
      "archive-mismatch"
    ),
    ("UnpicklingError: invalid load key, 'v'.", "archive-mismatch"),
    ("RuntimeError: unexpected EOF, expected 100 more bytes. The file", "archive-mismatch"),
    ("EOFError", "archive-mismatch"),
    ("SafetensorError: Error while deserializing header: header too large", "index-mismatch"),
    (
      "SafetensorError: Error while deserializing header: incomplete metadata, file not fully covered",
      "index-mismatch"
    ),
    ("IndexError: index 100 is out of bounds for dimension 0 with size 100", "vocabulary-mismatch"),
    ("LoraConfig.__init__() got an unexpected keyword argument 'corda_config'", "config-mismatch"),
    ("NotImplementedError: Cannot copy out of meta tensor; no data!", "missing-key"),
    ("Can't find 'adapter_config.json' at 'llama'", "missing-side-file"),
    (
      "HFValidationError: Repo id must be in the form 'a/b'\nCan't find 'adapter_config.json' at 'x'",
      "missing-side-file"
    ),
    (
      "SafetensorError: Error while deserializing header: MetadataIncompleteBuffer",
      "index-mismatch"
    ),
  ])
  func `knows sentences that name no keys`(text: String, code: String) {
    #expect(LoadLog(text).failures.map(\.code.rawValue) == [code])
  }
}
