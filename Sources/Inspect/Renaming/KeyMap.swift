public import Formats

/// Rules that are applied to names one after the other, each to the result of the
/// one before.
public struct KeyMap: Sendable, Hashable {
  public var rules: [RenameRule]

  public init(_ rules: [RenameRule] = []) { self.rules = rules }

  /// Reads `{"regex": "replacement", …}`, in the order of the text.
  public init(_ json: JSONValue, path: String) throws(CheckpointError) {
    guard let members = json.object else {
      throw CheckpointError(
        path: path, "the file holds \(json.summary); expected an object of expressions and texts")
    }
    rules = []
    var seen: Set<String> = []
    for member in members {
      guard let text = member.value.string else {
        throw CheckpointError(
          path: path,
          "the rule \(member.key.quoted) gives \(member.value.summary); expected a string")
      }
      guard seen.insert(member.key).inserted else {
        throw CheckpointError(path: path, "the rule \(member.key.quoted) stands there twice")
      }
      do throws(CheckpointError) {
        rules.append(try RenameRule(pattern: member.key, replacement: text))
      } catch {
        throw error.with(path: path)
      }
    }
    guard !rules.isEmpty else { throw CheckpointError(path: path, "the file holds no rules") }
  }

  /// Reads the map in the file at `path`.
  public init(path: String) throws(CheckpointError) {
    try self.init(try InputFile.json(at: path), path: path)
  }

  /// The map in the form that it is read from.
  public var json: JSONValue {
    var seen: Set<String> = []
    return .object(
      rules.map { rule in
        var pattern = rule.pattern
        // A key can stand there once only; a group without a number changes nothing.
        while !seen.insert(pattern).inserted { pattern = "(?:\(pattern))" }
        return JSONMember(pattern, .string(rule.replacement))
      })
  }

  /// The same without rules that match none of `names`; `remap` refuses such.
  func withEffect(on names: [String]) -> KeyMap {
    guard let counts = try? renaming(of: names).ruleCounts, counts.count == rules.count else {
      return self
    }
    return KeyMap(zip(rules, counts).filter { $1 > 0 }.map(\.0))
  }

  /// What the rules do to `names`.
  public func renaming(of names: [String]) throws(CheckpointError) -> Renaming {
    var results = names
    var counts: [Int] = []
    for rule in rules {
      let matcher = try RuleMatcher(rule)
      var count = 0
      for position in results.indices {
        guard let renamed = matcher.apply(to: results[position]) else { continue }
        results[position] = renamed
        count += 1
      }
      counts.append(count)
    }
    return Renaming(of: names, to: results, ruleCounts: counts)
  }
}
