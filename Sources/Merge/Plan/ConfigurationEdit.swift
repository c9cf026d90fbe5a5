import Compute
public import Formats

/// One change of a model's `config.json`.
public struct ConfigurationEdit: Sendable, Hashable {
  /// The field, wherever in the document it stands; it is not added.
  public var field: String
  /// Nil removes the field.
  public var value: JSONValue?
  /// The value that it has to have to be changed; nil for any.
  public var instead: JSONValue?
  /// Adds the field to the top where it stands nowhere.
  public var isAdded: Bool
  /// Whether the field counts at the top alone: parts may have one of their own.
  public var isOnTop: Bool

  public init(
    _ field: String, _ value: JSONValue?, instead: JSONValue? = nil, isAdded: Bool = false,
    isOnTop: Bool = false
  ) {
    self.field = field
    self.value = value
    self.instead = instead
    self.isAdded = isAdded
    self.isOnTop = isOnTop
  }
}

/// Changes that an output asks of a model's `config.json`.
enum ConfigurationDocument {
  /// The names that transformers gives element types in a configuration.
  private static let typeNames: [ElementType: String] = [
    .bf16: "bfloat16", .f16: "float16", .f32: "float32", .f64: "float64",
  ]

  /// The fields that tell a loader the type of the weights; it would convert them
  /// back to what stands there.
  private static let typeFields = ["dtype", "torch_dtype"]

  /// The document with the edits and with `type` as the type of the weights, in nested
  /// parts too; nil where nothing changes.
  static func setting(
    _ type: ElementType?, _ edits: [ConfigurationEdit], in document: JSONValue
  ) -> JSONValue? {
    var changed = document
    if let type, let name = typeNames[type] {
      for field in typeFields {
        changed = setting(field, in: changed) { $0.string == nil ? $0 : .string(name) }
      }
    }
    for edit in edits {
      var isFound = false
      changed = setting(edit.field, in: changed, isOnTop: edit.isOnTop) { value in
        isFound = true
        return edit.instead == nil || edit.instead == value ? edit.value : value
      }
      if !isFound, edit.isAdded, let value = edit.value, let members = changed.object {
        changed = .object(members + [JSONMember(edit.field, value)])
      }
    }
    return changed == document ? nil : changed
  }

  /// Sets a field wherever it stands, or at the top alone, to what `change` makes of it;
  /// nil removes it.
  private static func setting(
    _ field: String, in value: JSONValue, isOnTop: Bool = false,
    _ change: (JSONValue) -> JSONValue?
  ) -> JSONValue {
    guard case .object(let members) = value else { return value }
    return .object(
      members.compactMap { member in
        if member.key == field {
          let new = change(member.value)
          if new != member.value { return new.map { JSONMember(member.key, $0) } }
        }
        return isOnTop
          ? member : JSONMember(member.key, setting(field, in: member.value, change))
      })
  }

  /// The document as transformers writes it.
  static func bytes(of document: JSONValue) -> [UInt8] {
    var writer = JSONWriter(isIndented: true)
    writer.value(document)
    return writer.document()
  }
}
