import Formats

/// The findings about an adapter's keys, with their wording.
enum KeyFindings {
  static let empty = Finding(
    .error, .emptyAdapter,
    "the adapter holds no tensors: whatever saved it filtered all of them out, "
      + "and a checkpoint of the training run may still hold them")

  static func emptyBeside(_ file: String) -> Finding {
    Finding(
      .warning, .emptyAdapter,
      "\(file), which lies beside the adapter, holds no tensors: what was trained without LoRA is "
        + "not in it")
  }

  static func covered(_ names: [String], in file: String) -> [Finding] {
    guard !names.isEmpty else { return [] }
    return [
      Finding(
        .note, .duplicateKey, tensors: names,
        "\(count(names, "tensor")) of \(file) \(names.count == 1 ? "lies" : "lie") in the adapter "
          + "too, whose \(names.count == 1 ? "copy counts" : "copies count"), as for LLaVA")
    ]
  }

  static func zeroSized(_ names: [String]) -> [Finding] {
    guard !names.isEmpty else { return [] }
    return [
      Finding(
        .error, .zeroSizeTensor, tensors: names,
        "\(count(names, "tensor")) of the adapter \(has(names)) no elements: it was saved under "
          + "ZeRO-3 without gathering, and the data is in the DeepSpeed checkpoint of the run")
    ]
  }

  /// Those of LLaVA's file beside an adapter are not mended by renaming the adapter.
  static func wrapped(
    _ wrappers: [Substring: [String]], loader: String = "PEFT", isOfAdapter: Bool = true
  ) -> [Finding] {
    wrappers.sorted { $0.key < $1.key }.map { wrapper, names in
      var finding = Finding(
        .warning, .prefixDrift, tensors: isOfAdapter ? names : [],
        "\(names.count) \(names.count == 1 ? "key holds" : "keys hold") the wrapper "
          + "\"\(wrapper).\", which is removed here; \(loader) would ignore "
          + "\(names.count == 1 ? "it" : "them") when loading")
      if isOfAdapter { finding.renaming = KeyWrappers.renaming(names) }
      return finding
    }
  }

  /// Keys without any beginning, beside a configuration of diffusers.
  static func ofModelAlone(_ names: [String], path: String) -> [Finding] {
    guard !names.isEmpty else { return [] }
    let part = PipelineComponent.shown(by: names.map { AdapterKey(peft: $0).target })
    return [
      Finding(
        .note, .prefixDrift, tensors: names,
        "\(count(names, "key")) \(names.count == 1 ? "begins" : "begin") with the path of the module, "
          + "as save_lora_adapter of diffusers writes them: the model's load_lora_adapter takes them "
          + "with prefix=None, and a pipeline wants "
          + (part.map { "\($0.diffusers).".quoted } ?? "the name of the part")
          + " before them",
        fix: FixCommands.remap(
          path,
          "--preset diffusers-to-peft" + (part == nil ? "" : " --preset peft-to-diffusers")))
    ]
  }

  /// Keys that begin with none of what they are found by: PEFT's beginning, or the name of
  /// a part of an image pipeline.
  static func unprefixed(_ names: [String], hasConfiguration: Bool, path: String) -> [Finding] {
    let isOfPipeline =
      !hasConfiguration && names.contains { AdapterSurvey.isDiffusers(KeyWrappers.stripped($0)) }
    guard !names.isEmpty, !isOfPipeline else { return [] }
    if names.allSatisfy({ $0.hasPrefix("base_model/model/") }) {
      return [
        Finding(
          .warning, .prefixDrift, tensors: names,
          "\(count(names, "key")) \(has(names)) \"/\" where PEFT has dots; PEFT would ignore "
            + "\(names.count == 1 ? "it" : "them") when loading",
          fix: FixCommands.rename(path, ["/=."]))
      ]
    }
    if !hasConfiguration,
      let part = PipelineComponent.shown(by: names.map { AdapterKey(peft: $0).target })
    {
      let beginning = "\(part.diffusers)."
      return [
        Finding(
          .warning, .prefixDrift, tensors: names,
          "\(count(names, "key")) \(names.count == 1 ? "begins" : "begin") neither with "
            + "\(beginning.quoted), as diffusers wants them for the modules of that part, nor with "
            + "PEFT's \"base_model.model.\"; both would ignore \(names.count == 1 ? "it" : "them") "
            + "when loading"
        )
        .renamed(path, [RenameRule(checked: "^", beginning)])
      ]
    }
    return [
      Finding(
        .warning, .prefixDrift, tensors: names,
        "\(count(names, "key")) \(names.count == 1 ? "does" : "do") not begin with "
          + "\"base_model.model.\"; PEFT would ignore \(names.count == 1 ? "it" : "them") "
          + "when loading")
    ]
  }

  /// Names of the adapter that PEFT takes for parts of paths, except `default`, by which
  /// it calls an adapter that it loads.
  static func infixed(_ names: [String], _ adapters: [Substring], path: String) -> [Finding] {
    guard adapters.count == 1, let adapter = adapters.first, adapter != "default" else { return [] }
    let finding = Finding(
      .warning, .prefixDrift, tensors: names,
      "\(count(names, "key")) \(names.count == 1 ? "holds" : "hold") the adapter's name "
        + "\(String(adapter).quoted): loading it under any other name, PEFT would ignore "
        + (names.count == 1 ? "it" : "them"))
    let name = RenameRule.escaped(adapter)
    let isSaved = names.map { $0.contains(".modules_to_save.") }
    let rules =
      (isSaved.contains(true) ? [RenameRule(checked: "\\.modules_to_save\\.\(name)\\.", ".")] : [])
      + (isSaved.contains(false)
        ? [RenameRule(checked: "\\.\(name)(\\.weight|\\.bias|)$", "\\1")] : [])
    return [finding.renamed(path, rules)]
  }

  /// Flattened names in which the dot behind the path was flattened as well.
  static func underscored(_ names: [String], path: String) -> [Finding] {
    guard !names.isEmpty else { return [] }
    return [
      Finding(
        .warning, .prefixDrift, tensors: names,
        "\(count(names, "key")) \(has(names)) an underscore too many before the first dot "
          + "(\(Wording.folded(names, limit: 1))), as SimpleTuner wrote them: it is removed here; "
          + "programs that load such names would ignore \(names.count == 1 ? "it" : "them")",
        fix: FixCommands.rename(path, [#"^([^.]*[^._])_+\.=\1."#]))
    ]
  }

  static func doublyPrefixed(_ names: [String]) -> [Finding] {
    guard !names.isEmpty else { return [] }
    return [
      Finding(
        .warning, .nestedWrapper, tensors: names,
        "\(count(names, "key")) \(has(names)) \"base_model.model.\" more than once: "
          + "the adapter was trained on a model that already held one")
    ]
  }

  static func duplicates(_ names: [String]) -> [Finding] {
    guard !names.isEmpty else { return [] }
    return [
      Finding(
        .error, .duplicateKey, tensors: names,
        "\(count(names, "key")) \(names.count == 1 ? "means" : "mean") the same as an earlier one "
          + "once wrappers and prefixes are removed")
    ]
  }

  static func unknown(_ names: [String], kind: CheckpointKind, path: String) -> [Finding] {
    guard !names.isEmpty else { return [] }
    let isKohya = names.allSatisfy {
      $0.hasSuffix(".lora_down.weight") || $0.hasSuffix(".lora_up.weight")
    }
    if isKohya, kind == .peftAdapter {
      return [
        Finding(
          .error, .unmatchedKey, tensors: names,
          "\(count(names, "key")) \(names.count == 1 ? "ends" : "end") in lora_down or lora_up, as "
            + "kohya's scripts call lora_A and lora_B: PEFT would ignore "
            + (names.count == 1 ? "it" : "them")
        )
        .renamed(
          path,
          [
            RenameRule(checked: #"\.lora_down\.weight$"#, ".lora_A.weight"),
            RenameRule(checked: #"\.lora_up\.weight$"#, ".lora_B.weight"),
          ])
      ]
    }
    if kind == .peftAdapter, let family = TrainerNames.recognised(names) {
      return [family.finding(names, .error)]
    }
    return [
      Finding(
        .error, .unmatchedKey, tensors: names,
        "\(count(names, "key")) \(names.count == 1 ? "is" : "are") none that a \(kind.rawValue) has: "
          + Wording.folded(names))
    ]
  }

  /// PLoRA and base layers that leaked into the adapter.
  static func baseTensors(_ replacements: [AdapterReplacement]) -> [Finding] {
    let leaked = replacements.filter { $0.kind == .plora }.map(\.record.name)
    guard !leaked.isEmpty else { return [] }
    return [
      Finding(
        .warning, .baseTensorInAdapter, tensors: leaked,
        "\(count(leaked, "tensor")) of the base's PLoRA \(leaked.count == 1 ? "lies" : "lie") in "
          + "the adapter; they are no LoRA and replace those of the base")
    ]
  }

  private static func count(_ names: [String], _ noun: String) -> String {
    names.count == 1 ? "1 \(noun)" : "\(names.count) \(noun)s"
  }

  private static func has(_ names: [String]) -> String { names.count == 1 ? "has" : "have" }
}
