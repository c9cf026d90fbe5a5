extension String {
  /// The text in double quotes with control characters escaped, so that a
  /// hostile name can neither break a line nor drive a terminal.
  public var quoted: String { "\"\(printable)\"" }

  /// The text with control characters and backslash-like trouble escaped.
  public var printable: String {
    var clean = true
    for byte in utf8 where byte < 0x20 || byte == 0x7F || byte >= 0x80 {
      clean = false
      break
    }
    if clean { return self }
    var text = ""
    for scalar in unicodeScalars {
      if scalar.properties.generalCategory == .control
        || scalar.properties.generalCategory == .format
        || scalar.properties.generalCategory == .lineSeparator
        || scalar.properties.generalCategory == .paragraphSeparator
      {
        text += "\\u{\(String(scalar.value, radix: 16))}"
      } else {
        text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}
