/// A name compared byte for byte.
///
/// Swift's strings are equal where they only look the same (a composed and a
/// decomposed é); to a file format those are two names.
public struct ExactName: Hashable, Sendable {
  public let text: String

  public init(_ text: String) { self.text = text }

  public static func == (a: Self, b: Self) -> Bool {
    // Different strings, by far the most, are told apart by comparing memory.
    a.text == b.text && a.text.utf8.elementsEqual(b.text.utf8)
  }

  public func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}

/// The positions of tensors by name, byte for byte.
public struct NameTable: Sendable {
  private var positions: [ExactName: Int]

  init(_ records: [TensorRecord]) {
    positions = Dictionary(minimumCapacity: records.count)
    for (position, record) in records.enumerated() { positions[ExactName(record.name)] = position }
  }

  public subscript(name: String) -> Int? {
    get { positions[ExactName(name)] }
    set { positions[ExactName(name)] = newValue }
  }
}
