/// What a quick look at a name's bytes shows: every tensor of every model is
/// looked at, and all but a few have none of these.
struct NameMarks: OptionSet {
  let rawValue: UInt8

  /// One of the last three segments begins as a leaf does.
  static let leaf = Self(rawValue: 1)
  /// One of the last three segments begins as the parts of PLoRA do.
  static let plora = Self(rawValue: 2)
  /// The name begins with a component of a pipeline, or with a part of a UNet.
  static let component = Self(rawValue: 4)

  init(rawValue: UInt8) { self.rawValue = rawValue }

  init(_ name: String) {
    let bytes = name.utf8.span
    self = Self.components.contains(Self.word(bytes, at: 0)) ? .component : []
    var dots = 0
    var index = bytes.count
    while dots < 3, index > 0 {
      index -= 1
      guard index == 0 || bytes[index] == UInt8(ascii: ".") else { continue }
      dots += 1
      let word = Self.word(bytes, at: bytes[index] == UInt8(ascii: ".") ? index + 1 : index)
      if Self.leaves.contains(word) { insert(.leaf) }
      if Self.ploras.contains(word) { insert(.plora) }
    }
  }

  /// The first five bytes of what every leaf of every family begins with, and of the
  /// names that kohya's scripts and LyCORIS give modules.
  private static let leaves = [
    "lora_", "lokr_", "hada_", "ia3_l", "vera_", "oft_R", "oft_e", "boft_", "rankn", "lycor",
  ].map { word($0.utf8.span, at: 0) }
  private static let ploras = ["Plora", "plora"].map { word($0.utf8.span, at: 0) }
  private static let components = [
    "unet.", "trans", "text_", "prior", "diffu", "down_", "up_bl", "mid_b",
  ].map { word($0.utf8.span, at: 0) }

  /// Five bytes as a number; 0 where fewer are left.
  private static func word(_ bytes: Span<UInt8>, at start: Int) -> UInt64 {
    guard start + 5 <= bytes.count else { return 0 }
    var word: UInt64 = 0
    for index in start..<start + 5 { word = word << 8 | UInt64(bytes[index]) }
    return word
  }
}

extension StringProtocol {
  /// The parts between dots, empty ones included.
  var dottedSegments: [Substring] {
    Substring(self).utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      .map(Substring.init)
  }
}

extension String {
  /// Whether the bytes of the text are among its own, in their order and together: comparing
  /// characters takes many times as long.
  func hasBytes(_ text: String) -> Bool {
    let (own, wanted) = (utf8.span, text.utf8.span)
    guard !wanted.isEmpty else { return true }
    var start = 0
    while start + wanted.count <= own.count {
      var count = 0
      while count < wanted.count, own[start + count] == wanted[count] { count += 1 }
      if count == wanted.count { return true }
      start += 1
    }
    return false
  }
}
