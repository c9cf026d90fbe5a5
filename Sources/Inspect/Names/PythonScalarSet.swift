/// A set of characters, as a class in brackets or an escape like `\d` gives it.
struct PythonScalarSet: Sendable, Hashable {
  private(set) var ranges: [ClosedRange<Unicode.Scalar>] = []
  private(set) var classes: [PythonScalarClass] = []
  /// Which of the characters below 128 are in the set, a bit each.
  private var low: UInt64 = 0
  private var high: UInt64 = 0
  private var isNegated = false

  init() {}

  init(_ scalarClass: PythonScalarClass) { insert(scalarClass) }

  mutating func insert(_ range: ClosedRange<Unicode.Scalar>) {
    ranges.append(range)
    mark { range.contains($0) }
  }

  mutating func insert(_ scalarClass: PythonScalarClass) {
    classes.append(scalarClass)
    mark { scalarClass.contains($0) }
  }

  /// Turns the set into that of all other characters.
  mutating func negate() {
    isNegated.toggle()
    low = ~low
    high = ~high
  }

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    let value = scalar.value
    if value < 64 { return low >> UInt64(value) & 1 == 1 }
    if value < 128 { return high >> UInt64(value - 64) & 1 == 1 }
    let isMember =
      ranges.contains { $0.contains(scalar) } || classes.contains { $0.contains(scalar) }
    return isMember != isNegated
  }

  private mutating func mark(where isMember: (Unicode.Scalar) -> Bool) {
    for value in UInt8(0)..<128 where isMember(Unicode.Scalar(value)) {
      if value < 64 { low |= 1 << UInt64(value) } else { high |= 1 << UInt64(value - 64) }
    }
  }
}

/// What `\d`, `\s`, `\w` and their opposites stand for in a pattern for text.
enum PythonScalarClass: Sendable, Hashable {
  case digit, notDigit, space, notSpace, word, notWord

  init?(escape: Unicode.Scalar) {
    switch escape {
    case "d": self = .digit
    case "D": self = .notDigit
    case "s": self = .space
    case "S": self = .notSpace
    case "w": self = .word
    case "W": self = .notWord
    default: return nil
    }
  }

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    switch self {
    case .digit: scalar.isPythonDigit
    case .notDigit: !scalar.isPythonDigit
    case .space: scalar.isPythonSpace
    case .notSpace: !scalar.isPythonSpace
    case .word: scalar.isPythonWord
    case .notWord: !scalar.isPythonWord
    }
  }
}

extension Unicode.Scalar {
  /// `str.isdecimal()`
  fileprivate var isPythonDigit: Bool {
    isASCII ? ("0"..."9").contains(self) : properties.generalCategory == .decimalNumber
  }

  /// `str.isspace()`
  fileprivate var isPythonSpace: Bool {
    switch value {
    case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F,
      0x205F, 0x3000:
      true
    default: false
    }
  }

  /// `str.isalnum()`, or an underscore; combining marks are not among them.
  var isPythonWord: Bool {
    if isASCII {
      return ("a"..."z").contains(self) || ("A"..."Z").contains(self)
        || ("0"..."9").contains(self) || self == "_"
    }
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
      .decimalNumber:
      return true
    default: return properties.numericType != nil
    }
  }
}
