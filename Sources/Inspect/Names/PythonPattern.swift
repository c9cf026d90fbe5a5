public import Formats

/// A regular expression with the syntax and the meaning of Python's `re`, for text.
///
/// All ways through the pattern are followed side by side: a match takes time in
/// proportion to the text times the pattern, whatever either of them is. What would
/// not fit that is refused, backreferences above all; so are flags. The places of
/// groups inside `(?=…)` and the like are not recorded.
public struct PythonPattern: Sendable {
  /// The most characters that a pattern may have.
  public static let maximumLength = 4096
  /// The most steps that a pattern may take once `{m,n}` is written out.
  public static let maximumStepCount = 20_000
  /// The most groups whose places are recorded.
  public static let maximumGroupCount = 100
  /// The highest number in `{m,n}`.
  public static let maximumRepetition = 1000

  /// The pattern as it was written.
  public let source: String
  /// The number of groups, the whole match not counted.
  public let groupCount: Int
  let groupNames: [ExactName: Int]
  let hiddenGroups: Set<Int>
  private let program: PythonPatternProgram

  /// Compiles `source`, or says what is wrong with it.
  public init(_ source: String) throws(CheckpointError) {
    do throws(PythonPatternFault) {
      try self.init(compiling: source)
    } catch {
      throw CheckpointError("\(source.quoted) \(error)")
    }
  }

  init(compiling source: String) throws(PythonPatternFault) {
    var parser = PythonPatternParser(source)
    program = try PythonPatternCompiler.compile(try parser.parse())
    self.source = source
    groupCount = parser.groupCount
    groupNames = parser.groupNames
    hiddenGroups = parser.hiddenGroups
  }

  /// Whether a match lies at the start of `text`: `re.match`.
  public func matchesPrefix(of text: String) -> Bool {
    var search = search(in: text, slotCount: 0)
    return search.match(from: 0, .prefix) != nil
  }

  /// Whether the whole of `text` is a match: `re.fullmatch`.
  public func matchesWhole(_ text: String) -> Bool {
    var search = search(in: text, slotCount: 0)
    return search.match(from: 0, .whole) != nil
  }

  /// Whether a match lies anywhere in `text`.
  public func matchesPart(of text: String) -> Bool {
    var search = search(in: text, slotCount: 0)
    return search.match(from: 0, .anywhere) != nil
  }

  /// The first match that starts after `start` characters or later: `re.search`.
  public func firstMatch(in text: String, from start: Int = 0) -> PythonMatch? {
    var search = search(in: text, slotCount: slotCount)
    guard start <= search.subject.text.count else { return nil }
    return search.match(from: start, .anywhere).map { PythonMatch(search.subject.text, $0) }
  }

  /// The text with every match replaced, empty ones included, as `re.sub` of Python
  /// 3.7 and later does; nil where there is no match.
  ///
  /// `template` has to be made for this pattern.
  public func replacing(in text: String, with template: PythonTemplate) -> String? {
    let isPlain = template.plainText != nil
    var search = search(in: text, slotCount: isPlain ? 2 : slotCount)
    let scalars = search.subject.text
    var result = PythonResult()
    result.reserve(text.utf8.count)
    var end = 0
    var isMoving = false
    var isFound = false
    while let notes = search.match(from: end, .anywhere, isMoving: isMoving) {
      isFound = true
      result.append(scalars[end..<notes[0]])
      template.append(to: &result, PythonMatch(scalars, notes))
      end = notes[1]
      isMoving = notes[0] == end
    }
    guard isFound else { return nil }
    result.append(scalars[end...])
    return result.text
  }

  private var slotCount: Int { 2 * (groupCount + 1) }

  private func search(in text: String, slotCount: Int) -> PythonPatternSearch {
    var scalars: [Unicode.Scalar] = []
    scalars.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars { scalars.append(scalar) }
    return PythonPatternSearch(program, in: scalars, slotCount: slotCount)
  }
}

/// Where a pattern was found, counted in characters from the start of the text.
public struct PythonMatch: Sendable, Hashable {
  private let text: [Unicode.Scalar]
  private let notes: [Int]

  init(_ text: [Unicode.Scalar], _ notes: [Int]) {
    self.text = text
    self.notes = notes
  }

  /// The place of the whole match.
  public var range: Range<Int> { notes[0]..<notes[1] }

  /// The place of a group, 0 for the whole match; nil where it has no part in the
  /// match or is not one of the pattern's.
  public func range(of group: Int) -> Range<Int>? {
    guard group >= 0, group < notes.count / 2, notes[2 * group + 1] >= 0 else { return nil }
    return notes[2 * group]..<notes[2 * group + 1]
  }

  /// The characters of a group; see `range(of:)`.
  public func scalars(of group: Int) -> ArraySlice<Unicode.Scalar>? {
    range(of: group).map { text[$0] }
  }

  /// The text of a group; see `range(of:)`.
  public func text(of group: Int) -> String? {
    scalars(of: group).map { String(String.UnicodeScalarView($0)) }
  }
}
