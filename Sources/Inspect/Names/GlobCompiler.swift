import Formats

/// Turns the text of a glob into its program.
struct GlobCompiler {
  /// The longest pattern that is taken.
  static let maximumScalarCount = 4096
  /// The deepest nesting of `{…}`.
  static let maximumDepth = 64

  private let source: String
  private let text: [Unicode.Scalar]
  private var position = 0
  private var program: [Glob.Instruction] = []

  init(_ source: String) {
    self.source = source
    self.text = Array(source.unicodeScalars)
  }

  mutating func compile() throws(CheckpointError) -> [Glob.Instruction] {
    guard !text.isEmpty else { throw fault("is empty; \"**\" matches every name") }
    guard text.count <= Self.maximumScalarCount else {
      throw fault("has \(text.count) characters; at most \(Self.maximumScalarCount) are allowed")
    }
    try sequence(depth: 0)
    program.append(.accept)
    return program
  }

  /// Compiles up to the end, or inside braces up to their next `,` or `}`.
  private mutating func sequence(depth: Int) throws(CheckpointError) {
    while position < text.count {
      let scalar = text[position]
      if depth > 0 && (scalar == "," || scalar == "}") { return }
      position += 1
      switch scalar {
      case "*": star()
      case "?": program.append(.anyButDot)
      case "[": try characterClass()
      case "{": try alternatives(depth: depth + 1)
      case "}": throw fault("has a \"}\" without \"{\" at character \(position)")
      case "\\": program.append(.scalar(try escaped()))
      default: program.append(.scalar(scalar))
      }
    }
  }

  /// `*` or `**`: a loop over one instruction that reads a character.
  private mutating func star() {
    let crosses = position < text.count && text[position] == "*"
    while position < text.count && text[position] == "*" { position += 1 }
    let start = program.count
    program.append(.split(start + 1, start + 3))
    program.append(crosses ? .anyScalar : .anyButDot)
    program.append(.jump(start))
  }

  private mutating func escaped() throws(CheckpointError) -> Unicode.Scalar {
    guard position < text.count else { throw fault("ends in a single \"\\\"") }
    position += 1
    return text[position - 1]
  }

  /// `[abc0-9]` or `[!abc0-9]`, after the opening bracket.
  private mutating func characterClass() throws(CheckpointError) {
    let start = position
    let negated = position < text.count && (text[position] == "!" || text[position] == "^")
    if negated { position += 1 }
    var ranges: [ClosedRange<Unicode.Scalar>] = []
    while true {
      guard position < text.count else {
        throw fault("has a \"[\" without \"]\" at character \(start)")
      }
      if text[position] == "]" { break }
      let low = try classMember()
      guard position + 1 < text.count, text[position] == "-", text[position + 1] != "]" else {
        ranges.append(low...low)
        continue
      }
      position += 1
      let high = try classMember()
      guard low <= high else { throw fault("has the class range \(low)-\(high) backwards") }
      ranges.append(low...high)
    }
    position += 1
    guard !ranges.isEmpty else { throw fault("has an empty class at character \(start)") }
    program.append(.oneOf(ranges, negated: negated))
  }

  private mutating func classMember() throws(CheckpointError) -> Unicode.Scalar {
    position += 1
    return text[position - 1] == "\\" ? try escaped() : text[position - 1]
  }

  /// `{a,b,0..31}`, after the opening brace.
  private mutating func alternatives(depth: Int) throws(CheckpointError) {
    let start = position
    guard depth <= Self.maximumDepth else {
      throw fault("nests braces deeper than \(Self.maximumDepth)")
    }
    var exits: [Int] = []
    while true {
      let split = program.count
      program.append(.accept)
      if let range = try numericRange() { number(range) } else { try sequence(depth: depth) }
      exits.append(program.count)
      program.append(.accept)
      guard position < text.count else {
        throw fault("has a \"{\" without \"}\" at character \(start)")
      }
      let isLast = text[position] == "}"
      position += 1
      // What stood in for the jumps is replaced now that their targets are known.
      program[split] = isLast ? .jump(split + 1) : .split(split + 1, program.count)
      if isLast { break }
    }
    for exit in exits { program[exit] = .jump(program.count) }
  }

  /// The numbers of `3..17` if that is the whole of the next alternative.
  private mutating func numericRange() throws(CheckpointError) -> ClosedRange<Int>? {
    let end = text[position...].firstIndex { $0 == "," || $0 == "}" } ?? text.count
    var digits = ["", ""]
    var dots = 0
    for scalar in text[position..<end] {
      if scalar == "." {
        dots += 1
      } else if ("0"..."9").contains(scalar), dots == 0 || dots == 2 {
        digits[dots / 2].unicodeScalars.append(scalar)
      } else {
        return nil
      }
    }
    guard dots == 2, let low = index(digits[0]), let high = index(digits[1]) else { return nil }
    guard low <= high else { throw fault("has the range \(low)..\(high) backwards") }
    position = end
    return low...high
  }

  private func index(_ digits: String) -> Int? {
    digits.utf8.count > 9 || (digits.utf8.first == UInt8(ascii: "0") && digits.utf8.count > 1)
      ? nil : Int(digits)
  }

  /// The decimal numbers of a range, as a few sequences of digit classes.
  private mutating func number(_ range: ClosedRange<Int>) {
    var exits: [Int] = []
    for classes in DigitClasses.covering(range) {
      let split = program.count
      program.append(.accept)
      for digits in classes { program.append(.oneOf([digits], negated: false)) }
      exits.append(program.count)
      program.append(.accept)
      program[split] = .split(split + 1, program.count)
    }
    // The last split leads here, where no character fits.
    program.append(.oneOf([], negated: false))
    for exit in exits { program[exit] = .jump(program.count) }
  }

  private func fault(_ what: String) -> CheckpointError {
    CheckpointError("the pattern \(source.quoted) \(what)")
  }
}

/// Ranges of whole numbers as sequences of digit classes: `8...31` is `[8-9]`,
/// `[1-2][0-9]`, `[3][0-1]`.
enum DigitClasses {
  static func covering(_ range: ClosedRange<Int>) -> [[ClosedRange<Unicode.Scalar>]] {
    var result: [[ClosedRange<Unicode.Scalar>]] = []
    var low = range.lowerBound
    while low <= range.upperBound {
      // The largest power of ten whose block starts here and ends in the range.
      var unit = 1
      while low > 0, low % (unit * 10) == 0, low + unit * 10 - 1 <= range.upperBound { unit *= 10 }
      let first = low / unit % 10
      var last = first
      while last < 9, low + (last - first + 2) * unit - 1 <= range.upperBound { last += 1 }
      let prefix = low / unit / 10
      var classes = prefix == 0 ? [] : String(prefix).unicodeScalars.map { $0...$0 }
      classes.append(digit(first)...digit(last))
      for _ in String(unit).utf8.dropFirst() { classes.append("0"..."9") }
      result.append(classes)
      low += (last - first + 1) * unit
    }
    return result
  }

  private static func digit(_ value: Int) -> Unicode.Scalar {
    Unicode.Scalar(UInt8(ascii: "0") + UInt8(value))
  }
}
