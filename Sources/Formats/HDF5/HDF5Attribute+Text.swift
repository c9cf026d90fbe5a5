import Compute

// Attributes as the texts that metadata consists of.
extension HDF5Attribute {
  /// The value as a metadata entry has it: of one string the text itself, else JSON,
  /// with the `NaN` and `Infinity` of Python; nil for a value that is not told.
  var text: String? {
    guard let shape else { return "null" }
    if shape.isEmpty, let string { return string }
    var writer = JSONWriter()
    switch value {
    case .strings(let values): writer.nested(shape) { $0.string(values[$1]) }
    case .integers(let values): writer.nested(shape) { $0.integer(Int(values[$1])) }
    case .naturals(let values): writer.nested(shape) { $0.value(.number("\(values[$1])")) }
    case .floats(let values): writer.nested(shape) { $0.number(values[$1]) }
    case .elements(let type, let bytes):
      guard type.hasText else { return nil }
      if shape.isEmpty, case .opaque = type { return hexadecimal(bytes[...]) }
      let width = type.byteCount
      writer.nested(shape) { $0.element(type, bytes[$1 * width..<($1 + 1) * width]) }
    case .other: return nil
    }
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  /// What it is in a word, where it is not told.
  var kind: String {
    switch value {
    case .other(let kind): kind
    case .elements(.compound, _): "compound"
    default: "of another type"
    }
  }
}

extension HDF5Type {
  /// Whether JSON has words for values of this type.
  fileprivate var hasText: Bool {
    switch self {
    case .integer, .opaque: return true
    case .float(let float, _): return [.half, .brain, .single, .double].contains(float)
    case .enumeration(let base, _): return base.hasText
    case .compound(let byteCount, let members, let types):
      return !members.isEmpty
        && zip(members, types).allSatisfy { member, type in
          type.hasText && type.byteCount <= byteCount
            && member.number <= byteCount - type.byteCount
        }
    case .string, .other: return false
    }
  }

  /// The bits of a number of at most 64.
  fileprivate func bits(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    let fromHighest = isBigEndian == true ? Array(bytes) : bytes.reversed()
    return fromHighest.reduce(0) { $0 << 8 | UInt64($1) }
  }
}

extension JSONWriter {
  /// Writes as many values as the shape has, in lists of lists; `body` writes the value of
  /// the number that it is given.
  fileprivate mutating func nested(_ shape: [Int], _ body: (inout JSONWriter, Int) -> Void) {
    // Where there are none, no list is as long as its axis says.
    guard !shape.contains(0) else { return array { _ in } }
    nested(shape[...], from: 0, body)
  }

  private mutating func nested(
    _ shape: ArraySlice<Int>, from first: Int, _ body: (inout JSONWriter, Int) -> Void
  ) {
    guard let size = shape.first else { return body(&self, first) }
    let rest = shape.dropFirst()
    let step = rest.reduce(1, *)
    array { writer in
      for index in 0..<size { writer.nested(rest, from: first + index * step, body) }
    }
  }

  /// A number, also one that only Python's JSON has.
  fileprivate mutating func number(_ value: Double) {
    if value.isFinite { return double(value) }
    self.value(.number(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity"))
  }

  /// One value of a type that has words.
  fileprivate mutating func element(_ type: HDF5Type, _ bytes: ArraySlice<UInt8>) {
    switch type {
    case .integer(let byteCount, let isSigned, _):
      let unused = UInt64(64 - 8 * byteCount)
      let bits = type.bits(bytes)
      // The sign goes up into the bits that are not used.
      let signed = Int64(bitPattern: bits << unused) >> Int64(unused)
      value(.number(isSigned ? "\(signed)" : "\(bits)"))
    case .float(let float, _): number(float.value(type.bits(bytes)))
    case .enumeration(let base, _):
      guard HDF5TypeRow.reading(type, dtype: nil) == .element(.bool) else {
        return element(base, bytes)
      }
      bool(bytes.contains { $0 != 0 })
    case .compound(_, let members, let types):
      object { writer in
        for (member, type) in zip(members, types) {
          writer.key(named: member.name)
          let first = bytes.startIndex + member.number
          writer.element(type, bytes[first..<first + type.byteCount])
        }
      }
    case .opaque, .string, .other: string(hexadecimal(bytes))
    }
  }
}

extension HDF5Float {
  /// The number that bits of one of the four usual floats are.
  fileprivate func value(_ bits: UInt64) -> Double {
    switch byteCount {
    case 2 where self == .half: Double(Float16(bitPattern: UInt16(truncatingIfNeeded: bits)))
    case 2: Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits) << 16))
    case 4: Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
    default: Double(bitPattern: bits)
    }
  }
}

/// Two digits for each byte.
private func hexadecimal(_ bytes: ArraySlice<UInt8>) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
