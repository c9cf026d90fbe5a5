import Formats

/// A model that does not load.
extension LoadDiagnosis {
  func modelLoad() -> Result {
    var result = Result()
    let family = NameFamily.leading(from: load.unexpected, to: load.missing)
    result.renaming = renaming(family)
    if let renaming = result.renaming {
      result.findings.append(renamingFinding(renaming, family))
    } else if let family {
      result.findings.append(foreign(family))
    } else if let finding = wrappedUnexpected() {
      return Result(findings: [finding] + mismatches())
    }
    let unread = promisedMissing
    result.findings += unread.isEmpty ? [] : [notRead(unread)]
    let lost = load.missing.filter { PLoRA.ends($0) && !unread.contains($0) }
    if !lost.isEmpty, result.renaming == nil {
      result.findings.append(
        Finding(
          .error, .ploraLost, tensors: lost,
          "\(Wording.count(lost.count, "tensor")) of PLoRA \(Wording.verb(lost.count, "is", "are")) "
            + "missing (\(Wording.plora(lost))): loading would fill them with random values, which "
            + "damage every image token; take them from the base"))
    }
    let tied = tiedMissing(after: result.renaming)
    if !isMended(by: result.renaming) {
      result.findings += tiedFindings(tied)
      let told = Set(lost + unread + tied.map(\.name))
      if !isMended(by: result.renaming, or: told) {
        result.findings += lists(except: told, result.renaming)
      }
    }
    result.findings += mismatches()
    return result
  }

  /// The missing keys that an index names.
  private var promisedMissing: [String] {
    let promised = inspection.checkpoint.promised
    return promised.isEmpty ? [] : load.missing.filter { promised.contains(ExactName($0)) }
  }

  private func notRead(_ names: [String]) -> Finding {
    Finding(
      .error, .missingKey, tensors: names,
      "\(FoldedKeys.summary(of: names, "missing key")) \(Wording.verb(names.count, "is", "are")) in "
        + "the index, but \(Wording.verb(names.count, "was", "were")) not read, as its other "
        + "findings tell: mend the index or the shards before anything else")
  }

  /// The renaming that gives missing keys their tensors. Where the list of unexpected keys
  /// was cut off as a whole, it has to do so for all that are named.
  private func renaming(_ family: NameFamily?) -> InferredRenaming? {
    guard !load.missing.isEmpty, !load.unexpected.isEmpty || wanted.isPartial,
      let renaming = InferredRenaming(inspection.checkpoint, to: wanted)
        ?? family.flatMap({ InferredRenaming(inspection.checkpoint, by: $0, to: wanted) })
        ?? withoutNumber()
    else { return nil }
    return !load.unexpected.isEmpty || isMended(by: renaming) ? renaming : nil
  }

  /// Whether the shape of every missing tensor is known.
  private var knowsShapes: Bool {
    load.missing.allSatisfy { wantedShapes[ExactName($0)] != nil }
  }

  /// That the names are of a family whose preset needs more than is known.
  private func foreign(_ family: NameFamily) -> Finding {
    Finding(
      .error, .prefixDrift, tensors: load.unexpected,
      "\(family.words): the preset \(family.preset) gives them those that \(source) wants"
        + (family.isRenaming
          ? "" : ", and needs the number of heads, which no config.json or params.json tells"),
      fix: family.command(for: inspection.checkpoint))
  }

  private func renamingFinding(_ renaming: InferredRenaming, _ family: NameFamily?) -> Finding {
    let unexpected = load.unexpected
    let missing = load.missing.count
    let message =
      if unexpected.isEmpty {
        (renaming.onlyRule.map { "the names differ by one change: \(Self.change($0)), " } ?? "")
          + "the checkpoint has \(Wording.verb(missing, "the missing key", "all \(missing) missing keys"))"
          + " that the log names"
          + (renaming.onlyRule == nil ? ", under other names" : "")
      } else if let rule = renaming.onlyRule {
        "the names differ by one change: \(Self.change(rule)), \(renaming.count) of the "
          + "\(Wording.count(unexpected.count, "unexpected key")) "
          + "\(Wording.verb(renaming.count, "is", "are")) among the "
          + "\(Wording.count(missing, "missing one"))"
          + (knowsShapes ? ", with the right shapes" : "")
      } else {
        "\(renaming.count) of the \(Wording.count(missing, "missing key")) "
          + renaming.description(of: unexpected)
      }
    return Finding(
      isRelaid ? .warning : .error, .prefixDrift,
      tensors: unexpected.isEmpty ? load.missing : unexpected,
      message + (isRelaid ? Self.relaid : "") + (family.map { "; \($0.words)" } ?? ""),
      fix: renaming.command(for: path, toMatch: reference))
  }

  /// Whether the two are the layouts of one model before and after version 4.52 of
  /// transformers.
  private var isRelaid: Bool {
    guard loader != .transformers, let layout = VisionLanguageLayout(wanted.names),
      OldLayout.isRenamed(modelType) ?? layout.holdsText
    else { return false }
    let missing = Set(load.missing.map(ExactName.init))
    return !load.unexpected.isEmpty
      && load.unexpected.allSatisfy { name in
        layout.name(for: name).map { missing.contains(ExactName($0)) } ?? false
      }
  }

  private static let relaid =
    "; these are the names of one model before and after transformers 4.52, whose from_pretrained "
    + "renames them by itself: only torch's load_state_dict does not"

  private static func change(_ rule: RenameRule) -> String {
    let beginning = String(rule.pattern.dropFirst()).replacing("\\", with: "")
    let isPlain = rule.replacement.isEmpty && rule.pattern == "^" + RenameRule.escaped(beginning)
    return isPlain
      ? "without the beginning \(beginning.quoted)"
      : "after the change \(rule.description.quoted)"
  }

  /// Whether the renaming leaves nothing missing that is not told otherwise.
  private func isMended(by renaming: InferredRenaming?, or told: Set<String> = []) -> Bool {
    guard let renaming else { return false }
    return load.missing.allSatisfy { told.contains($0) || renaming.names.contains(ExactName($0)) }
  }

  /// The plain lists, folded, for what has no better explanation and what the renaming, if
  /// there is one, does not change.
  private func lists(except explained: Set<String>, _ renaming: InferredRenaming?) -> [Finding] {
    var findings: [Finding] = []
    let missing = load.missing.filter {
      !explained.contains($0) && renaming?.names.contains(ExactName($0)) != true
    }
    if !missing.isEmpty {
      findings.append(
        Finding(
          .error, .missingKey, tensors: missing,
          "\(Wording.count(missing.count, "key")) of \(source) "
            + "\(Wording.verb(missing.count, "is", "are")) missing: \(Wording.folded(missing))"))
    }
    let packed = QuantisedNames.unexpected(load.unexpected, by: source)
    findings += [packed].compactMap(\.self)
    let packedNames = Set(packed?.tensors ?? [])
    let extra = load.unexpected.filter {
      !packedNames.contains($0) && renaming?.names.contains(ExactName($0)) != false
    }
    if !extra.isEmpty, extra.allSatisfy(EmbeddingNames.isOutput), load.missing.isEmpty {
      findings.append(
        Finding(
          .error, .tiedWeights, tensors: extra,
          "\(extra[0].quoted) alone is unexpected: "
            + (isOfLog
              ? "\(source) has no output for tokens, as AutoModel where AutoModelForCausalLM was meant"
              : "\(source) holds none, as it ties it to its embedding or has no output for tokens"))
      )
    } else if !extra.isEmpty {
      findings.append(
        Finding(
          .error, .unmatchedKey, tensors: extra,
          "\(Wording.count(extra.count, "key")) \(Wording.verb(extra.count, "is", "are")) unknown to "
            + "\(source): \(Wording.folded(extra))"))
    }
    return findings
  }
}
