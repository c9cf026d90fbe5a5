public import Compute

/// The type of a tensor's elements as a file states it.
public enum TensorType: Sendable, Hashable {
  /// A type that safetensors has too; Tenon can convert and write it.
  case element(ElementType)
  /// A type that only its own format has (`complex128`, `qint8`), listed under
  /// the name that format gives it.
  case foreign(name: String, bitWidth: Int)

  /// The name as printed: the safetensors name, or the format's own.
  public var name: String {
    switch self {
    case .element(let type): type.name
    case .foreign(let name, _): name
    }
  }

  /// The width of one element in bits.
  public var bitWidth: Int {
    switch self {
    case .element(let type): type.bitWidth
    case .foreign(_, let bitWidth): bitWidth
    }
  }

  /// The bytes that `count` elements of a record take; see there why that fits.
  public func byteCount(of count: Int) -> Int {
    let bits = count.multipliedFullWidth(by: bitWidth)
    return (bits.high << 61) | Int(bits.low >> 3)
  }

  /// The safetensors type, or nil where there is none.
  public var element: ElementType? {
    if case .element(let type) = self { type } else { nil }
  }
}
