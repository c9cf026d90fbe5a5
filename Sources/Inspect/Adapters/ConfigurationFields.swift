import Formats

/// The fields of a configuration file, each checked to be what it has to be.
///
/// A missing field is nil or empty, and so is `null`, except where a number is
/// wanted: there PEFT would fail.
struct ConfigurationFields {
  private let json: JSONValue
  private let path: String

  init(_ json: JSONValue, path: String) throws(CheckpointError) {
    self.json = json
    self.path = path
    guard json.object != nil else {
      throw CheckpointError(path: path, "the file holds \(json.summary); expected an object")
    }
  }

  func string(_ field: String) throws(CheckpointError) -> String? {
    guard let value = json[field] else { return nil }
    guard let text = value.string else { throw wrong(field, value, expected: "a string") }
    return text
  }

  func bool(_ field: String) throws(CheckpointError) -> Bool? {
    guard let value = json[field] else { return nil }
    guard let flag = value.bool else { throw wrong(field, value, expected: "true or false") }
    return flag
  }

  func positiveInt(_ field: String) throws(CheckpointError) -> Int? {
    guard let value = number(field) else { return nil }
    guard let number = value.int, number > 0 else {
      throw wrong(field, value, expected: "a whole number above 0")
    }
    return number
  }

  func finiteDouble(_ field: String) throws(CheckpointError) -> Double? {
    guard let value = number(field) else { return nil }
    return try finite(value, field)
  }

  func strings(_ field: String) throws(CheckpointError) -> [String] {
    guard let value = json[field] else { return [] }
    guard let texts = value.strings else { throw wrong(field, value, expected: "a list of names") }
    return texts
  }

  func targets(_ field: String) throws(CheckpointError) -> AdapterConfiguration.TargetModules {
    guard let value = json[field] else { return .unstated }
    if let expression = value.string { return .expression(expression) }
    guard let names = value.strings else {
      throw wrong(field, value, expected: "a list of names or a regular expression")
    }
    return .names(names)
  }

  func ranks(_ field: String) throws(CheckpointError) -> ModulePatterns {
    try patterns(field) { (value, name) throws(CheckpointError) in
      guard let number = value.int, number > 0 else {
        throw wrong(name, value, expected: "a whole number above 0")
      }
      return Double(number)
    }
  }

  func numbers(_ field: String) throws(CheckpointError) -> ModulePatterns {
    try patterns(field) { (value, name) throws(CheckpointError) in try finite(value, name) }
  }

  private func patterns(
    _ field: String, _ read: (JSONValue, String) throws(CheckpointError) -> Double
  ) throws(CheckpointError) -> ModulePatterns {
    guard let value = json[field] else { return ModulePatterns() }
    guard let members = value.object else {
      throw wrong(field, value, expected: "an object of module names and numbers")
    }
    var entries: [ModulePatterns.Entry] = []
    var seen: [String: Int] = [:]
    for member in members {
      let entry = ModulePatterns.Entry(
        member.key, try read(member.value, "\(field)[\(member.key.quoted)]"))
      // Python keeps the place of the first and the value of the last.
      if let position = seen[member.key] {
        entries[position] = entry
      } else {
        seen[member.key] = entries.count
        entries.append(entry)
      }
    }
    return ModulePatterns(entries)
  }

  private func finite(_ value: JSONValue, _ field: String) throws(CheckpointError) -> Double {
    guard let number = value.double, number.isFinite else {
      throw wrong(field, value, expected: "a finite number")
    }
    return number
  }

  /// The field where it is there at all, also as `null`.
  private func number(_ field: String) -> JSONValue? {
    json.object?.last { $0.key == field }?.value
  }

  private func wrong(_ field: String, _ value: JSONValue, expected: String) -> CheckpointError {
    CheckpointError(path: path, "\(field) is \(value.summary); expected \(expected)")
  }
}

extension JSONValue {
  /// The value for an error text: what kind it is, and its text where it is short.
  var summary: String {
    switch self {
    case .null: "null"
    case .bool(let flag): flag ? "true" : "false"
    case .number(let text): "the number \(text.prefix(40))"
    case .string(let text): "the string \(String(text.prefix(80)).quoted)"
    case .array(let elements): "a list of \(elements.count)"
    case .object(let members): "an object of \(members.count)"
    }
  }

  /// The strings of a list that holds nothing else.
  fileprivate var strings: [String]? {
    guard let elements = array else { return nil }
    let texts = elements.compactMap(\.string)
    return texts.count == elements.count ? texts : nil
  }
}
