extension JSONScanner {
  /// Reads a number and returns its text, checked against the grammar.
  public mutating func number(_ what: @autoclosure () -> String) throws(CheckpointError) -> String {
    guard let first = peek(), first == UInt8(ascii: "-") || Self.isDigit(first) else {
      throw unexpected(what())
    }
    let start = position
    var index = position
    if first == UInt8(ascii: "-") { index += 1 }
    let leadingZero = index < bytes.count && bytes[index] == UInt8(ascii: "0")
    let whole = digits(from: &index)
    var valid = whole == 1 || (whole > 1 && !leadingZero)
    if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
      index += 1
      valid = digits(from: &index) > 0 && valid
    }
    if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
      index += 1
      if index < bytes.count, bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-")
      {
        index += 1
      }
      valid = digits(from: &index) > 0 && valid
    }
    guard valid else { throw CheckpointError(offset: base + start, "a number is malformed") }
    position = index
    return String(decoding: bytes[start..<index], as: UTF8.self)
  }

  /// Reads a plain non-negative integer that fits into an `Int`.
  public mutating func count(_ what: @autoclosure () -> String) throws(CheckpointError) -> Int {
    guard let first = peek(), Self.isDigit(first) else {
      throw unexpected("\(what()), a non-negative integer,")
    }
    let start = position
    var value = 0
    var overflow = false
    while position < bytes.count, Self.isDigit(bytes[position]) {
      let (tens, over) = value.multipliedReportingOverflow(by: 10)
      let (sum, overAgain) = tens.addingReportingOverflow(Int(bytes[position] & 0x0F))
      overflow = overflow || over || overAgain
      value = sum
      position += 1
    }
    let isInteger =
      position == bytes.count
      || ![UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains(bytes[position])
    let leadingZero = first == UInt8(ascii: "0") && position - start > 1
    guard isInteger, !leadingZero else {
      throw CheckpointError(
        offset: base + start, "\(what()) must be a plain non-negative integer")
    }
    guard !overflow else {
      throw CheckpointError(offset: base + start, "\(what()) does not fit into 63 bits")
    }
    return value
  }

  /// Consumes one of Python's words for a number that JSON does not have.
  mutating func consumeNonFinite() -> String? {
    guard allowsNonFinite else { return nil }
    if consume(word: "NaN") { return "NaN" }
    if consume(word: "Infinity") { return "Infinity" }
    if consume(word: "-Infinity") { return "-Infinity" }
    return nil
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

  private func digits(from index: inout Int) -> Int {
    let start = index
    while index < bytes.count, Self.isDigit(bytes[index]) { index += 1 }
    return index - start
  }
}
