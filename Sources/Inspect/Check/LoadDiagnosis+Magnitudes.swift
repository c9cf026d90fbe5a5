import Formats

/// An adapter of DoRA that a model loads by itself.
extension LoadDiagnosis {
  /// That PEFT saves the magnitudes without the end of the name that its modules have, and
  /// adds it when it loads; transformers 5 does not.
  func unnamedMagnitudes() -> Finding? {
    guard inspection.adapter != nil, !load.unexpected.isEmpty,
      load.unexpected.allSatisfy({ $0.contains(".lora_magnitude_vector.") }),
      Set(load.unexpected.map { "\($0).weight" }).isSubset(of: load.missing)
    else { return nil }
    return Finding(
      .error, .missingKey, tensors: load.unexpected,
      "the adapter has the \(Wording.count(load.unexpected.count, "magnitude")) that "
        + "\(Wording.verb(load.unexpected.count, "is", "are")) missing, without \".weight\" at the end "
        + "as PEFT saves them: load_adapter of transformers does not add it and leaves out DoRA's "
        + "magnitudes; load it with PeftModel.from_pretrained, or merge it",
      fix: FixCommands.merge(base: base, adapter: path))
  }
}
