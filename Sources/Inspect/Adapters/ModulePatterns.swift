public import Formats

/// Values for modules by name, as `rank_pattern` and `alpha_pattern` give them.
///
/// PEFT takes the first key in the order of the file for which the regular
/// expression `(.*\.)?(KEY)$` matches the module's path from its start.
public struct ModulePatterns: Sendable, Hashable {
  public struct Entry: Sendable, Hashable {
    public let key: String
    public let value: Double

    public init(_ key: String, _ value: Double) {
      self.key = key
      self.value = value
    }
  }

  /// The keys and values in the order of the file.
  public let entries: [Entry]

  public init(_ entries: [Entry] = []) { self.entries = entries }
}

/// `ModulePatterns` made ready to be asked for many modules.
public struct ModulePatternMatcher {
  private let values: [Double]
  /// The keys that are plain names, by their last few characters.
  private var names: [ArraySlice<Unicode.Scalar>: [(position: Int, name: PlainName)]] = [:]
  private var regexes: [(position: Int, regex: PythonPattern)] = []

  /// Compiles the keys. `field` is where they come from, for the error text.
  public init(_ patterns: ModulePatterns, field: String) throws(CheckpointError) {
    values = patterns.entries.map(\.value)
    for (position, entry) in patterns.entries.enumerated() {
      if let name = PlainName(entry.key) {
        names[name.tail, default: []].append((position, name))
      } else {
        regexes.append((position, try Self.regex(entry.key, field: field)))
      }
    }
  }

  /// The value for the module at `path`, without `base_model.model.`; nil where no
  /// key matches.
  public func value(for path: String) -> Double? {
    var first = values.count
    let scalars = Array(path.unicodeScalars)
    for length in 1...PlainName.maximumTailCount where length <= scalars.count {
      for candidate in names[scalars.suffix(length)] ?? [] where candidate.position < first {
        if candidate.name.ends(scalars) { first = candidate.position }
      }
    }
    for (position, regex) in regexes where position < first {
      if regex.matchesPrefix(of: path) {
        first = position
        break
      }
    }
    return first < values.count ? values[first] : nil
  }

  private static func regex(_ key: String, field: String) throws(CheckpointError)
    -> PythonPattern
  {
    do throws(PythonPatternFault) {
      return try PythonPattern(compiling: "(.*\\.)?(\(key))$")
    } catch {
      throw CheckpointError("\(field) has the key \(key.quoted); it \(fault(of: key) ?? error)")
    }
  }

  /// What is wrong with the key by itself, where its characters are counted rightly.
  private static func fault(of key: String) -> PythonPatternFault? {
    do throws(PythonPatternFault) {
      _ = try PythonPattern(compiling: key)
      return nil
    } catch {
      return error
    }
  }
}

/// A key of letters, digits, `_`, `-` and dots: the end of a path, where a bare dot
/// stands for any character, as PEFT has it, and `\.` for a dot.
private struct PlainName {
  static let maximumTailCount = 12

  /// Nil stands for any character.
  private let scalars: [Unicode.Scalar?]
  /// The last characters, as many of them as stand for themselves.
  let tail: ArraySlice<Unicode.Scalar>

  init?(_ key: String) {
    var scalars: [Unicode.Scalar?] = []
    var isEscaped = false
    for scalar in key.unicodeScalars {
      switch scalar {
      case "\\" where !isEscaped:
        isEscaped = true
        continue
      case ".": scalars.append(isEscaped ? "." : nil)
      case "a"..."z", "A"..."Z", "0"..."9", "_", "-":
        if isEscaped { return nil }
        scalars.append(scalar)
      default: return nil
      }
      isEscaped = false
    }
    if isEscaped { return nil }
    self.scalars = scalars
    tail =
      scalars.suffix(Self.maximumTailCount).split(
        separator: nil, omittingEmptySubsequences: false
      ).last.map { ArraySlice($0.compactMap(\.self)) } ?? []
    if tail.isEmpty { return nil }
  }

  func ends(_ path: [Unicode.Scalar]) -> Bool {
    let start = path.count - scalars.count
    guard start == 0 || (start > 0 && path[start - 1] == ".") else { return false }
    return scalars.indices.reversed().allSatisfy { index in
      scalars[index].map { $0 == path[start + index] } ?? true
    }
  }
}
