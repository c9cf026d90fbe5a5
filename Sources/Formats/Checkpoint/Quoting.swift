extension String {
  /// The text in double quotes with control characters escaped, so that a
  /// hostile name can neither break a line nor drive a terminal.
  public var quoted: String { "\"\(printable)\"" }

  /// The text with control characters and backslash-like trouble escaped.
  public var printable: String {
    if utf8.span.isPrintableASCII { return self }
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
