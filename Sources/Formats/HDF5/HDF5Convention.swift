/// How Tenon lays a checkpoint into an HDF5 file: the convention of tenon-hdf5(5).
///
/// Every tensor is a dataset of the root group under its own name, dots and all. What a
/// link cannot be called is written with percent signs.
enum HDF5Convention {
  /// The attribute of the root group that states the version.
  static let attribute = "tenon_hdf5"
  static let version = 1
  /// The dataset of the metadata, a JSON object of strings.
  static let metadata = "__metadata__"
  /// The group of the files that lay beside the tensors.
  static let files = "__files__"

  private static let digits = Array("0123456789ABCDEF".utf8)

  /// The link name of a tensor: a slash, a NUL, a percent sign and the first byte of a
  /// name that has another meaning become `%` and two digits; no name is `%` alone.
  static func link(ofName name: String) -> String {
    if name.isEmpty { return "%" }
    let isReserved = name == "." || name == metadata || name == files
    var bytes: [UInt8] = []
    for (position, byte) in name.utf8.enumerated() {
      if byte == UInt8(ascii: "/") || byte == 0 || byte == UInt8(ascii: "%")
        || (isReserved && position == 0)
      {
        bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The name that a link stands for; nil for a link that the other way never makes.
  static func name(ofLink link: String) -> String? {
    if link == "%" { return "" }
    var bytes: [UInt8] = []
    var rest = Array(link.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(digits.firstIndex),
        let low = rest.popFirst().flatMap(digits.firstIndex)
      else { return nil }
      bytes.append(UInt8(high << 4 | low))
    }
    return String(validating: bytes, as: UTF8.self)
  }
}
