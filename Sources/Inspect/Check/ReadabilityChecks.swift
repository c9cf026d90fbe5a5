import Formats

/// What PEFT cannot read of a configuration, though its meaning is plain.
struct ReadabilityChecks {
  let configuration: AdapterConfiguration

  func findings() -> [Finding] {
    (kind() + wholeNumbers() + expressions()).map { Finding(.error, .configMismatch, $0) }
  }

  /// PEFT looks the kind up as it stands, and all kinds are capitals.
  private func kind() -> [String] {
    guard let kind = configuration.json["peft_type"]?.string, kind != kind.uppercased() else {
      return []
    }
    return ["peft_type is \(kind.quoted), but PEFT knows only \(kind.uppercased().quoted)"]
  }

  /// Ranks with a decimal point: no number of rows to torch.
  private func wholeNumbers() -> [String] {
    guard configuration.rank != nil else { return [] }
    let members = configuration.json["rank_pattern"]?.object ?? []
    let fields =
      [("r", configuration.json["r"])]
      + members.map { ("rank_pattern[\($0.key.quoted)]", $0.value) }
    return fields.compactMap { field, value in
      guard case .number(let text)? = value, Int(text) == nil else { return nil }
      return "\(field) is \(text.printable): a rank with a decimal point or an exponent is none to "
        + "PEFT"
    }
  }

  /// Expressions that Python refuses.
  private func expressions() -> [String] {
    ["target_modules", "exclude_modules"].compactMap { field in
      guard let text = configuration.json[field]?.string else { return nil }
      do throws(PythonPatternFault) {
        _ = try PythonPattern(compiling: text)
        return nil
      } catch {
        guard case .malformed = error.kind else { return nil }
        return "\(field) is \(text.quoted), which \(error)"
      }
    }
  }
}
