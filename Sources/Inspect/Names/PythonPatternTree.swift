/// A regular expression as the parser has understood it.
indirect enum PythonPatternTree: Sendable {
  case scalar(Unicode.Scalar)
  /// `.`: every character except a line feed.
  case anyButLineFeed
  case set(PythonScalarSet)
  case assertion(PythonAssertion)
  case sequence([PythonPatternTree])
  /// The first alternative is tried first.
  case alternatives([PythonPatternTree])
  /// A group whose place is recorded under its number.
  case group(Int, PythonPatternTree)
  case repetition(PythonPatternTree, PythonRepetition)
  case look(PythonPatternTree, PythonLook)
}

/// A condition on a place between two characters.
enum PythonAssertion: Sendable, Hashable {
  /// `^` and `\A`
  case textStart
  /// `\Z`
  case textEnd
  /// `$`: the end, or before a line feed that is the last character.
  case lineEnd
  case wordBoundary
  case notWordBoundary
}

/// How often something is there.
struct PythonRepetition: Sendable, Hashable {
  var minimum: Int
  /// Nil where there is no upper bound.
  var maximum: Int?
  /// Whether fewer are tried before more.
  var isLazy = false
}

/// `(?=…)`, `(?!…)`, `(?<=…)` and `(?<!…)`.
struct PythonLook: Sendable, Hashable {
  let isBehind: Bool
  let isNegative: Bool
}

extension PythonPatternTree {
  /// The numbers of characters that a match can have; `most` is nil where there is
  /// no upper bound.
  struct Width {
    var least: Int
    var most: Int?
  }

  var width: Width {
    switch self {
    case .scalar, .anyButLineFeed, .set: Width(least: 1, most: 1)
    case .assertion, .look: Width(least: 0, most: 0)
    case .group(_, let body): body.width
    case .sequence(let parts):
      parts.reduce(into: Width(least: 0, most: 0)) { sum, part in
        let width = part.width
        sum.least = sum.least.saturatingSum(width.least)
        sum.most = Self.combine(sum.most, width.most) { $0.saturatingSum($1) }
      }
    case .alternatives(let branches):
      branches.dropFirst().reduce(into: branches.first?.width ?? Width(least: 0, most: 0)) {
        let width = $1.width
        $0.least = min($0.least, width.least)
        $0.most = Self.combine($0.most, width.most) { max($0, $1) }
      }
    case .repetition(let body, let times): Self.width(body.width, times)
    }
  }

  private static func width(_ body: Width, _ times: PythonRepetition) -> Width {
    Width(
      least: body.least.saturatingProduct(times.minimum),
      most: body.most == 0 ? 0 : combine(body.most, times.maximum) { $0.saturatingProduct($1) })
  }

  private static func combine(
    _ a: Int?, _ b: Int?, by operation: (Int, Int) -> Int
  ) -> Int? {
    guard let a, let b else { return nil }
    return operation(a, b)
  }

  /// Whether a match can only lie at the start of the text.
  var isAtTextStart: Bool {
    switch self {
    case .assertion(.textStart): true
    case .group(_, let body): body.isAtTextStart
    case .sequence(let parts): parts.first?.isAtTextStart ?? false
    case .alternatives(let branches): branches.allSatisfy(\.isAtTextStart)
    case .repetition(let body, let times): times.minimum > 0 && body.isAtTextStart
    default: false
    }
  }
}
