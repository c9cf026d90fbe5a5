import Formats

/// A longer cell stands out of its column instead of widening that of all rows.
let maximumColumnWidth = 160

/// Columns of text, padded so that they line up; the last one is not padded.
func columns(_ rows: [[String]], indent: String = "", rightAligned: Set<Int> = []) -> String {
  let count = rows.map(\.count).max() ?? 0
  var widths = [Int](repeating: 0, count: count)
  for row in rows {
    for (column, cell) in row.enumerated() where cell.width <= maximumColumnWidth {
      widths[column] = max(widths[column], cell.width)
    }
  }
  var text = ""
  for row in rows {
    var line = indent
    for (column, cell) in row.enumerated() {
      let padding = String(repeating: " ", count: max(0, widths[column] - cell.width))
      line += rightAligned.contains(column) ? padding + cell : cell
      if column < row.count - 1 {
        line += rightAligned.contains(column) ? "  " : padding + "  "
      }
    }
    while line.last == " " { line.removeLast() }
    text += line + "\n"
  }
  return text
}

extension String {
  /// The columns that the text takes on a terminal.
  var width: Int {
    // Characters are slow to count, and most text has as many as bytes.
    utf8.span.isPrintableASCII ? utf8.count : count
  }
}

/// A size for people: `2.70 GB`, `12.3 MB`, `512 B`.
func readable(bytes: Int) -> String {
  let units = ["B", "kB", "MB", "GB", "TB", "PB"]
  var value = Double(bytes)
  var unit = 0
  while value >= 999.5, unit < units.count - 1 {
    value /= 1000
    unit += 1
  }
  return unit == 0 ? "\(bytes) B" : "\(significant(value, 3)) \(units[unit])"
}

/// A count for people, with thin groups: `1,350,400`.
func readable(count: Int) -> String {
  let digits = String(count)
  var text = ""
  for (position, digit) in digits.enumerated() {
    if position > 0, (digits.count - position) % 3 == 0,
      digits[digits.index(digits.startIndex, offsetBy: position - 1)] != "-"
    {
      text += ","
    }
    text.append(digit)
  }
  return text
}

/// A number of things: `1 tensor`, `1,350 tensors`.
func counted(_ count: Int, _ noun: String) -> String {
  "\(readable(count: count)) \(noun)\(count == 1 ? "" : "s")"
}

/// A number with this many significant digits, without an exponent where that
/// stays short.
func significant(_ value: Double, _ digits: Int) -> String {
  guard value.isFinite, value != 0 else { return value == 0 ? "0" : "\(value)" }
  var magnitude = 0
  var scaled = abs(value)
  while scaled >= 10 {
    scaled /= 10
    magnitude += 1
  }
  while scaled < 1 {
    scaled *= 10
    magnitude -= 1
  }
  guard magnitude > -5, magnitude < 9 else {
    return "\(value < 0 ? "-" : "")\(fixed(scaled, digits - 1))e\(magnitude)"
  }
  return fixed(value, max(0, digits - 1 - magnitude))
}

/// A number as a person would write it: at most six significant digits and no
/// zeros at the end.
func plain(_ value: Double) -> String {
  var text = significant(value, 6)
  guard text.contains("."), !text.contains("e") else { return text }
  while text.last == "0" { text.removeLast() }
  if text.last == "." { text.removeLast() }
  return text
}

/// A number with this many digits behind the point.
func fixed(_ value: Double, _ places: Int) -> String {
  var factor = 1.0
  for _ in 0..<places { factor *= 10 }
  let scaled = (abs(value) * factor).rounded()
  guard let whole = Int(exactly: scaled) else { return "\(value)" }
  var digits = String(whole)
  while digits.count <= places { digits = "0" + digits }
  let sign = value < 0 && whole != 0 ? "-" : ""
  guard places > 0 else { return sign + digits }
  return sign + digits.dropLast(places) + "." + digits.suffix(places)
}
