import Formats

/// A model that does not load.
extension LoadDiagnosis {
  func modelLoad() -> Result {
    var result = Result()
    result.drift = drift(from: load.unexpected, to: load.missing)
    if let drift = result.drift {
      result.findings.append(driftFinding(drift, wanted: load.missing.count))
    } else if !load.unexpected.isEmpty, !load.missing.isEmpty {
      result.inferred = InferredRenaming(inspection.checkpoint, to: wanted)
      if let inferred = result.inferred { result.findings.append(inferredFinding(inferred)) }
    }
    let lost = load.missing.filter(PLoRA.ends)
    if !lost.isEmpty, result.drift == nil, result.inferred == nil {
      result.findings.append(
        Finding(
          .error, .ploraLost, tensors: lost,
          "\(Wording.count(lost.count, "tensor")) of PLoRA \(Wording.verb(lost.count, "is", "are")) "
            + "missing (\(Wording.plora(lost))): loading would fill them with random values, which "
            + "damage every image token; take them from the base"))
    }
    let tied = tiedMissing().flatMap(\.names)
    if !isMended(by: result) {
      result.findings += tiedFindings() + lists(except: Set(lost + tied))
    }
    result.findings += mismatches()
    return result
  }

  func drift(from found: [String], to wanted: [String]) -> NameDrift? {
    var shapes: [ExactName: [Int]] = [:]
    for record in inspection.checkpoint.records { shapes[ExactName(record.name)] = record.shape }
    return NameDrift(from: found, to: wanted) { found, wanted in
      guard let a = shapes[ExactName(found)], let b = wantedShapes[ExactName(wanted)] else {
        return true
      }
      return a == b
    }
  }

  /// Whether the shape of every missing tensor is known.
  private var knowsShapes: Bool {
    load.missing.allSatisfy { wantedShapes[ExactName($0)] != nil }
  }

  private func driftFinding(_ drift: NameDrift, wanted: Int) -> Finding {
    let change =
      drift.replacement.isEmpty
      ? "without the beginning \(String(drift.pattern.dropFirst()).replacing("\\.", with: ".").quoted)"
      : "after the change \("\(drift.pattern)=\(drift.replacement)".quoted)"
    return Finding(
      .error, .prefixDrift, tensors: load.unexpected,
      "the names differ by one change: \(change), \(drift.count) of the "
        + "\(Wording.count(load.unexpected.count, "unexpected key")) "
        + "\(Wording.verb(drift.count, "is", "are")) among the "
        + "\(Wording.count(wanted, "missing one"))"
        + (knowsShapes ? ", with the right shapes" : ""),
      fix: drift.command(for: path))
  }

  private func inferredFinding(_ inferred: InferredRenaming) -> Finding {
    Finding(
      .error, .prefixDrift, tensors: load.unexpected,
      "\(inferred.count) of the \(Wording.count(load.missing.count, "missing key")) "
        + inferred.description(of: load.unexpected),
      fix: inferred.command(for: path, toMatch: reference))
  }

  /// Whether the renaming leaves nothing missing that the lists would have to tell.
  private func isMended(by result: Result) -> Bool {
    if result.drift != nil { return true }
    return result.inferred.map { $0.count == load.missing.count } ?? false
  }

  /// The plain lists, folded, for what has no better explanation.
  private func lists(except explained: Set<String>) -> [Finding] {
    var findings: [Finding] = []
    let missing = load.missing.filter { !explained.contains($0) }
    if !missing.isEmpty {
      findings.append(
        Finding(
          .error, .missingKey, tensors: missing,
          "\(Wording.count(missing.count, "key")) of \(source) "
            + "\(Wording.verb(missing.count, "is", "are")) missing: \(Wording.folded(missing))"))
    }
    let extra = load.unexpected
    if !extra.isEmpty, extra.allSatisfy(EmbeddingNames.isOutput), load.missing.isEmpty {
      findings.append(
        Finding(
          .error, .tiedWeights, tensors: extra,
          "\(extra[0].quoted) alone is unexpected: "
            + (isOfLog
              ? "\(source) has no output for tokens, as AutoModel where AutoModelForCausalLM was meant"
              : "\(source) ties it to its embedding and holds no tensor of its own for it")))
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
