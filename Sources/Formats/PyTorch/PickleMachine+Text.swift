extension PickleMachine {
  /// Bytes of the pickle as text; what is not UTF-8 is replaced.
  func text(_ range: Range<Int>) -> String { String(decoding: source.bytes[range], as: UTF8.self) }

  /// The text of a node while the machine still runs, or nil where it is none.
  func text(of node: Pickle.Node) -> String? {
    switch pickle[node] {
    case .text(let start, let count): text(Int(start)..<Int(start) + Int(count))
    case .decodedText(let position): pickle.decodedTexts[Int(position)]
    default: nil
    }
  }

  mutating func pushText(_ range: Range<Int>) throws(CheckpointError) {
    if isUTF8(range) { return try push(.text(start: range.start32, count: range.count32)) }
    guard range.count <= Self.maximumDecodedBytes, let text = escapingSurrogates(range) else {
      throw fault("has bytes that are not UTF-8")
    }
    pickle.surrogateTexts += 1
    try push(decoded(text))
  }

  /// The text with surrogates written as Python prints them, `\udc80`; nil where it is
  /// no UTF-8 otherwise. Python's text can hold halves of UTF-16 pairs, which it pickles
  /// as if they were characters of their own.
  private func escapingSurrogates(_ range: Range<Int>) -> String? {
    var bytes: [UInt8] = []
    var rest = source.bytes[range]
    while let byte = rest.popFirst() {
      let next = Array(rest.prefix(2))
      guard byte == 0xED, next.count == 2, next[0] >= 0xA0, next[1] & 0xC0 == 0x80 else {
        bytes.append(byte)
        continue
      }
      let unit = 0xD000 | UInt32(next[0] & 0x3F) << 6 | UInt32(next[1] & 0x3F)
      bytes += Array("\\u\(String(unit, radix: 16))".utf8)
      rest.removeFirst(2)
    }
    return (try? UTF8Span(validating: bytes.span)) == nil
      ? nil : String(decoding: bytes, as: UTF8.self)
  }

  /// Pushes a Python 2 string, which is text where it is UTF-8 and else Latin-1.
  mutating func pushOldText(_ range: Range<Int>) throws(CheckpointError) {
    guard !isUTF8(range) else {
      return try push(.text(start: range.start32, count: range.count32))
    }
    let scalars = source.bytes[range].lazy.map { Unicode.Scalar($0) }
    try push(decoded(String(String.UnicodeScalarView(scalars))))
  }

  /// Pushes a Python string literal in quotes.
  mutating func pushQuotedLine(_ range: Range<Int>) throws(CheckpointError) {
    let line = source.bytes[range]
    guard line.count >= 2, let quote = line.first, quote == line.last,
      quote == 0x22 || quote == 0x27
    else { throw fault("has a text without quotes around it") }
    let inner = unescape(line.dropFirst().dropLast(), PythonEscapes.ofStrings)
    try push(decoded(inner))
  }

  /// Pushes text in Python's raw-unicode-escape encoding.
  mutating func pushEscapedLine(_ range: Range<Int>) throws(CheckpointError) {
    try push(decoded(unescape(source.bytes[range], PythonEscapes.ofUnicode)))
  }

  mutating func decoded(_ text: String) throws(CheckpointError) -> Pickle.Value {
    decodedBytes += text.utf8.count
    guard pickle.decodedTexts.count < Self.maximumDecodedTexts,
      decodedBytes <= Self.maximumDecodedBytes
    else {
      throw fault(
        "makes more than \(Self.maximumDecodedTexts) texts or \(Self.maximumDecodedBytes) bytes")
    }
    pickle.decodedTexts.append(text)
    return .decodedText(Int32(pickle.decodedTexts.count - 1))
  }

  private func isUTF8(_ range: Range<Int>) -> Bool {
    let bytes = source.bytes.span.extracting(range)
    return (try? UTF8Span(validating: bytes)) != nil
  }
}

/// The escapes that a kind of Python literal knows.
private struct PythonEscapes {
  /// Letters that stand for one character.
  var letters: [UInt8: Unicode.Scalar]
  /// Letters before this many hexadecimal digits.
  var hexadecimal: [UInt8: Int]

  static let ofStrings = PythonEscapes(
    letters: [
      0x5C: "\\", 0x27: "'", 0x22: "\"", 0x6E: "\n", 0x72: "\r", 0x74: "\t", 0x30: "\0",
    ],
    hexadecimal: [0x78: 2])

  static let ofUnicode = PythonEscapes(letters: [:], hexadecimal: [0x75: 4, 0x55: 8])
}

/// Resolves escapes; what is none stays as it is.
private func unescape(_ bytes: ArraySlice<UInt8>, _ escapes: PythonEscapes) -> String {
  var text = String.UnicodeScalarView()
  var rest = bytes
  while let byte = rest.popFirst() {
    guard byte == 0x5C, let letter = rest.first else {
      text.append(Unicode.Scalar(byte))
      continue
    }
    if let scalar = escapes.letters[letter] {
      rest.removeFirst()
      text.append(scalar)
    } else if let digits = escapes.hexadecimal[letter],
      let value = UInt32(
        String(decoding: rest.dropFirst().prefix(digits), as: UTF8.self), radix: 16),
      let scalar = Unicode.Scalar(value)
    {
      rest.removeFirst(min(rest.count, 1 + digits))
      text.append(scalar)
    } else {
      text.append(Unicode.Scalar(byte))
    }
  }
  return String(text)
}
