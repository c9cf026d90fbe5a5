import Formats

/// Names that a program gives the tensors of its own checkpoints, and of which no renaming
/// makes what others load: a row of a table.
///
/// The data differs as well: flattened, divided, or with its rows in another order.
struct TrainerNames: Sendable {
  /// What the tensors are, as a sentence says it.
  let words: String
  /// What has to be done instead of a renaming.
  let advice: String
  /// How grave that is for the file alone: the program itself may read it well.
  var severity = Finding.Severity.note
  /// Those of some names that tell it; none where they are of another kind.
  let telling: @Sendable ([String]) -> [String]

  static let table = [flat, torchtune, megatronCore, megatron]

  static func recognised(_ names: [String]) -> TrainerNames? {
    table.first { !$0.telling(names).isEmpty }
  }

  /// What a file of such names is.
  static func finding(_ checkpoint: Checkpoint) -> Finding? {
    let names = checkpoint.records.map(\.name)
    return recognised(names)?.finding(names)
  }

  /// That some of the names are such.
  func finding(_ names: [String], _ severity: Finding.Severity? = nil) -> Finding {
    let own = telling(names)
    return Finding(
      severity ?? self.severity, .unmatchedKey, tensors: own,
      "\(Wording.count(own.count, "tensor")) \(Wording.verb(own.count, "is", "are")) \(words) "
        + "(\(Wording.folded(own, limit: 1))): \(advice)")
  }

  /// The refusal to rename a checkpoint of such names.
  func refusal(of path: String, _ names: [String]) -> CheckpointError {
    CheckpointError(path: path, finding(names).message)
  }

  // MARK: The rows

  /// FSDP of torch and of fairscale, where it keeps no parameters of the module's own.
  private static let flat = TrainerNames(
    words: "flat parameters of FSDP",
    advice: "each holds what is left on one rank of all parameters of a module in one row, and "
      + "names and shapes are not in the file; load it into the same model under FSDP, and save "
      + "that with FSDP.state_dict_type(model, StateDictType.FULL_STATE_DICT)",
    severity: .error,
    telling: { names in names.filter(isFlat) })

  /// Whether the last word is `_flat_param`, with a number where a module has several.
  private static func isFlat(_ name: String) -> Bool {
    guard name.hasBytes("flat_param") else { return false }
    let word = name.dottedSegments.last?.drop { $0 == "_" } ?? ""
    guard word.hasPrefix("flat_param") else { return false }
    return word.dropFirst("flat_param".count).allSatisfy { $0 == "_" || $0.isNumber }
  }

  /// The file from which torchtune goes on training an adapter. It writes PEFT's names too,
  /// into a file beside that one, and the rows of its queries and keys are in Meta's order
  /// for most models.
  private static let torchtune = TrainerNames(
    words: "an adapter's, named as by torchtune",
    advice: "PEFT knows none of them; torchtune writes what PEFT loads into "
      + "adapter_model.safetensors or adapter_model.bin beside it, and renaming is not enough, as "
      + "for most models the rows of q_proj and k_proj are in another order here",
    telling: { names in
      let endings = [".lora_a.weight", ".lora_b.weight", ".magnitude"]
      let areAll =
        names.contains { $0.hasSuffix(endings[0]) }
        && names.allSatisfy { name in endings.contains { name.hasSuffix($0) } }
      return areAll ? names : []
    })

  private static let megatronAdvice =
    "the rows of queries, keys and values lie together head by head, and under tensor parallelism "
    + "each rank's file has a part of them, so that a renaming is not enough; AutoBridge of "
    + "Megatron-Bridge or the tools/checkpoint of Megatron-LM make a model for transformers of them"

  /// Megatron-LM's own layers, until 2023. ChatGLM calls modules alike, but not their tower.
  private static let megatron = TrainerNames(
    words: "named as by Megatron-LM", advice: megatronAdvice,
    telling: { names in
      names.filter { name in
        guard name.hasBytes(".query_key_value.") else { return false }
        let segments = name.dottedSegments
        return segments.contains("language_model") && segments.contains("layers")
          && (segments.contains("encoder") || segments.contains("transformer"))
      }
    })

  /// Megatron Core, which NeMo uses too.
  private static let megatronCore = TrainerNames(
    words: "named as by Megatron Core", advice: megatronAdvice,
    telling: { names in
      names.filter { name in
        name.hasBytes(".self_attention.linear_qkv.")
          || name.hasBytes(".self_attention.linear_kv_down_proj.")
      }
    })
}
