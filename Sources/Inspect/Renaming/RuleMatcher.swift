import Formats

/// A rule made ready to be applied to many names.
///
/// Most rules are plain text with escaped dots; those are applied to the bytes,
/// which takes a hundredth of the time.
struct RuleMatcher {
  private enum Search {
    case literal(LiteralPattern)
    case regex(Regex<AnyRegexOutput>)
  }

  private let search: Search
  private let replacement: RuleReplacement

  init(_ rule: RenameRule) throws(CheckpointError) {
    replacement = try RuleReplacement(rule.replacement)
    guard !rule.pattern.isEmpty else {
      throw CheckpointError("a rule has an empty expression, which would match everywhere")
    }
    if replacement.groups.isEmpty, let literal = LiteralPattern(rule.pattern) {
      search = .literal(literal)
      return
    }
    guard rule.pattern.unicodeScalars.count <= RenameRule.maximumPatternLength else {
      throw CheckpointError(
        "a rule has an expression of \(rule.pattern.unicodeScalars.count) characters; "
          + "at most \(RenameRule.maximumPatternLength) are taken")
    }
    let regex: Regex<AnyRegexOutput>
    do {
      // Python compares code points where Swift compares characters.
      regex = try Regex(rule.pattern).matchingSemantics(.unicodeScalar)
    } catch {
      throw CheckpointError("\(rule.pattern.quoted) is no regular expression: \(error)")
    }
    try Self.check(replacement, of: rule, against: regex)
    search = .regex(regex)
  }

  /// The name with every match replaced; nil where there is no match.
  func apply(to name: String) -> String? {
    switch search {
    case .literal(let pattern):
      var text = ""
      for case .text(let piece) in replacement.pieces { text += piece }
      return pattern.replace(in: name, with: text)
    case .regex(let regex): return replace(regex, in: name)
    }
  }

  private func replace(_ regex: Regex<AnyRegexOutput>, in name: String) -> String? {
    let matches = name.matches(of: regex)
    guard !matches.isEmpty else { return nil }
    var result = ""
    var end = name.startIndex
    for match in matches {
      result += name[end..<match.range.lowerBound]
      for piece in replacement.pieces {
        switch piece {
        case .text(let text): result += text
        case .group(let number): result += match.output[number].substring ?? ""
        case .namedGroup(let name): result += match.output[name]?.substring ?? ""
        }
      }
      end = match.range.upperBound
    }
    return result + name[end...]
  }

  /// Refuses groups that the expression does not have.
  private static func check(
    _ replacement: RuleReplacement, of rule: RenameRule, against regex: Regex<AnyRegexOutput>
  ) throws(CheckpointError) {
    // An alternative that matches the empty text shows how many groups there are.
    let probe = try? Regex("(?:\(rule.pattern))|").matchingSemantics(.unicodeScalar)
    let groups = probe.flatMap { try? $0.prefixMatch(in: "") }.map { $0.output.count - 1 }
    for piece in replacement.groups {
      switch piece {
      case .group(let number):
        guard let groups, number > groups else { continue }
        throw CheckpointError(
          "the replacement \(rule.replacement.quoted) names group \(number), but "
            + "\(rule.pattern.quoted) has \(groups)")
      case .namedGroup(let name) where !regex.contains(captureNamed: name):
        throw CheckpointError(
          "the replacement \(rule.replacement.quoted) names the group \(name.quoted), which "
            + "\(rule.pattern.quoted) does not have")
      default: continue
      }
    }
  }
}

/// An expression that is plain text, perhaps anchored.
struct LiteralPattern {
  private var text: [UInt8] = []
  private var isAtStart = false
  private var isAtEnd = false

  /// Nil for an expression that is more than text.
  init?(_ pattern: String) {
    var rest = Array(pattern.utf8)[...]
    if rest.first == UInt8(ascii: "^") {
      isAtStart = true
      rest.removeFirst()
    }
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "$") where rest.isEmpty: isAtEnd = true
      case UInt8(ascii: "\\"):
        // A backslash before a letter or digit is a class or a reference.
        guard let next = rest.popFirst(), !Self.isWord(next), next < 0x80 else { return nil }
        text.append(next)
      case _ where Self.isWord(byte) || byte >= 0x80 || "-/:= ,@#%&~<>;'\"!".utf8.contains(byte):
        text.append(byte)
      default: return nil
      }
    }
    guard !text.isEmpty else { return nil }
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5A)
      || (byte >= 0x61 && byte <= 0x7A) || byte == UInt8(ascii: "_")
  }

  /// The name with every occurrence replaced; nil where there is none.
  func replace(in name: String, with replacement: String) -> String? {
    let bytes = Array(name.utf8)
    var result: [UInt8] = []
    var end = 0
    var start = isAtStart || !isAtEnd ? 0 : max(0, bytes.count - text.count)
    var found = false
    while start + text.count <= bytes.count, !isAtStart || start == 0 {
      let matches =
        (!isAtEnd || start + text.count == bytes.count)
        && bytes[start..<start + text.count].elementsEqual(text)
      guard matches else {
        start += 1
        continue
      }
      found = true
      result += bytes[end..<start]
      result += replacement.utf8
      start += text.count
      end = start
    }
    return found ? String(decoding: result + bytes[end...], as: UTF8.self) : nil
  }
}
