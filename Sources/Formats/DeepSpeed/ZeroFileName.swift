/// The name of a file that DeepSpeed writes, which tells whose part it is.
struct ZeroFileName {
  static let optimizerSuffix = "_optim_states.pt"
  static let modelSuffix = "_model_states.pt"

  /// The position among the processes that share the parameters.
  let rank: Int
  /// The position among the processes that split single layers.
  let modelRank: Int

  /// Reads `[bf16_]zero_pp_rank_R_mp_rank_MM` or `mp_rank_MM` before the suffix.
  init?(_ name: String, suffix: String) {
    guard name.hasSuffix(suffix) else { return nil }
    var stem = name.dropLast(suffix.count)
    for prefix in ["bf16_", "fp16_"] where stem.hasPrefix(prefix) {
      stem.removeFirst(prefix.count)
      break
    }
    var rank = 0
    if stem.hasPrefix("zero_") {
      stem.removeFirst("zero_".count)
      guard let number = Self.number(after: "pp_rank_", in: &stem), stem.first == "_" else {
        return nil
      }
      rank = number
      stem.removeFirst()
    }
    guard let modelRank = Self.number(after: "mp_rank_", in: &stem), stem.isEmpty else {
      return nil
    }
    self.rank = rank
    self.modelRank = modelRank
  }

  private static func number(after prefix: String, in text: inout Substring) -> Int? {
    guard text.hasPrefix(prefix) else { return nil }
    text.removeFirst(prefix.count)
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    text.removeFirst(digits.count)
    return Int(digits)
  }

  static func isStates(_ name: String) -> Bool {
    name.hasSuffix(optimizerSuffix) || name.hasSuffix(modelSuffix)
  }
}
