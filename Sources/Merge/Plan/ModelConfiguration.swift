import Compute
import Formats

/// Changes that an output asks of a model's `config.json`.
enum ModelConfiguration {
  /// The names that transformers gives element types in a configuration.
  private static let typeNames: [ElementType: String] = [
    .bf16: "bfloat16", .f16: "float16", .f32: "float32", .f64: "float64",
  ]

  /// The fields that tell a loader the type of the weights; it would convert them
  /// back to what stands there.
  private static let typeFields: Set<String> = ["dtype", "torch_dtype"]

  /// The configuration with `type` as the type of the weights, in nested parts too;
  /// nil where nothing changes.
  static func setting(_ type: ElementType, in document: JSONValue) -> JSONValue? {
    guard let name = typeNames[type] else { return nil }
    let changed = setting(.string(name), in: document)
    return changed == document ? nil : changed
  }

  private static func setting(_ name: JSONValue, in value: JSONValue) -> JSONValue {
    guard case .object(let members) = value else { return value }
    return .object(
      members.map { member in
        let isType = typeFields.contains(member.key) && member.value.string != nil
        return JSONMember(member.key, isType ? name : setting(name, in: member.value))
      })
  }

  /// The document as transformers writes it.
  static func bytes(of document: JSONValue) -> [UInt8] {
    var writer = JSONWriter(isIndented: true)
    writer.value(document)
    return writer.document()
  }
}
