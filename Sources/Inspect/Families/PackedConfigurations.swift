import Formats

/// The configurations that diffusers keeps in the metadata of a file, one for each
/// component: `{"unet.r": 4, "unet.lora_alpha": 8, …}`, or that of the only model, as its
/// `save_lora_adapter` writes it: `{"r": 4, "lora_alpha": 8, …}`.
struct PackedConfigurations {
  /// The key of the metadata.
  static let key = "lora_adapter_metadata"

  private let members: [JSONMember]

  /// None where the metadata holds none.
  init(_ metadata: String?, path: String) throws(CheckpointError) {
    guard let metadata else {
      members = []
      return
    }
    do {
      members = try JSONValue(parsing: Array(metadata.utf8)).object ?? []
    } catch {
      throw CheckpointError(path: path, "the metadata \(Self.key.quoted) is no JSON: \(error)")
    }
  }

  /// The configuration of a model by itself.
  var whole: JSONValue? {
    let own = members.filter { !$0.key.contains(".") }
    return own.isEmpty ? nil : .object(own)
  }

  /// The configuration of one component.
  subscript(component: some StringProtocol) -> JSONValue? {
    let own = members.compactMap { member in
      member.key.hasPrefix("\(component).")
        ? JSONMember(String(member.key.dropFirst(component.count + 1)), member.value) : nil
    }
    return own.isEmpty ? nil : .object(own)
  }

  /// The ranks and alphas of each component's modules; those of a model by itself are
  /// under the empty name.
  func scales(path: String) throws(CheckpointError) -> [Substring: ConfiguredScales] {
    var scales: [Substring: ConfiguredScales] = [:]
    for component in Set(members.map { $0.key.prefix { $0 != "." } }).union([""]).sorted() {
      guard let json = component.isEmpty ? whole : self[component] else { continue }
      scales[component] = try ConfiguredScales(AdapterConfiguration(json, path: path))
    }
    return scales
  }
}
