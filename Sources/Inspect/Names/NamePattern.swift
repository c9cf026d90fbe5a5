/// Many names that differ only in numbers, as one: text with a set of numbers in
/// each of its slots, standing for every combination.
///
/// `layers.{0..31}.experts.{0..7}.w1` stands for 256 names. What it prints can be
/// pasted as a `Glob`.
public struct NamePattern: Sendable, Hashable {
  /// The text around the numbers: one piece more than there are slots.
  let pieces: [String]
  /// The numbers of each slot.
  public let slots: [NumberSet]

  /// The number of names it stands for.
  public var count: Int { slots.reduce(1) { $0 * $1.values.count } }

  /// The pattern cut at its dots, for nesting.
  public var segments: [String] {
    var segments = [""]
    for (index, piece) in pieces.enumerated() {
      if index > 0 { segments[segments.count - 1] += slots[index - 1].description }
      let parts = piece.split(separator: ".", omittingEmptySubsequences: false)
      segments[segments.count - 1] += parts[0]
      segments += parts.dropFirst().map(String.init)
    }
    return segments
  }
}

extension NamePattern: CustomStringConvertible {
  public var description: String {
    var text = pieces[0]
    for (piece, slot) in zip(pieces.dropFirst(), slots) { text += "\(slot)\(piece)" }
    return text
  }
}

/// A name taken apart: what it has in common with others, and its numbers.
///
/// A number is a run of digits that fills what lies between two of `.`, `_` and
/// the ends (`layers.0.`, `blocks_0_`, but not the 1 of `fc1`), has no leading
/// zero and is short.
struct NameTemplate: Hashable {
  /// No UTF-8 text holds this byte, so that it can stand for a slot.
  static let slot: UInt8 = 0xFF
  /// Further numbers of one name stay text.
  static let maximumSlotCount = 8
  static let maximumDigitCount = 9

  private(set) var text: [UInt8] = []
  private(set) var numbers: [Int] = []

  init(_ name: String) {
    let bytes = name.utf8.span
    text.reserveCapacity(bytes.count)
    var isAtBoundary = true
    var index = 0
    while index < bytes.count {
      if isAtBoundary, let (number, end) = Self.number(in: bytes, from: index),
        numbers.count < Self.maximumSlotCount
      {
        text.append(Self.slot)
        numbers.append(number)
        index = end
        isAtBoundary = false
      } else {
        text.append(bytes[index])
        isAtBoundary = Self.isBoundary(bytes[index])
        index += 1
      }
    }
  }

  /// The text around the slots.
  static func pieces(of text: [UInt8]) -> [String] {
    text.split(separator: slot, omittingEmptySubsequences: false).map {
      String(decoding: $0, as: UTF8.self)
    }
  }

  private static func isBoundary(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
  }

  private static func number(in bytes: Span<UInt8>, from start: Int) -> (Int, end: Int)? {
    var value = 0
    var end = start
    while end < bytes.count, case let digit = bytes[end] &- UInt8(ascii: "0"), digit < 10 {
      guard end - start < maximumDigitCount else { return nil }
      value = value * 10 + Int(digit)
      end += 1
    }
    guard end > start, end == bytes.count || isBoundary(bytes[end]) else { return nil }
    let hasLeadingZero = bytes[start] == UInt8(ascii: "0") && end - start > 1
    return hasLeadingZero ? nil : (value, end)
  }
}
