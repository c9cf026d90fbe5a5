import OrderedCollections

/// The metadata that attributes make, with what is to be said of those that do not.
struct HDF5Metadata {
  private(set) var entries: OrderedDictionary<String, String>
  /// Attributes of which there is no text, and keys that more than one stands for.
  private var left: [String] = []
  private var repeated: [String] = []

  init(_ entries: OrderedDictionary<String, String> = [:]) { self.entries = entries }

  /// The attributes of the object that is called `name`; those of the root group, which
  /// has no name, are called what they are.
  mutating func add(_ attributes: [HDF5Attribute], of name: String) {
    for attribute in attributes {
      let key = name.isEmpty ? attribute.name : "\(name)@\(attribute.name)"
      guard let text = attribute.text else {
        left.append("\(key.quoted) (\(attribute.kind))")
        continue
      }
      if entries[key] == nil { entries[key] = text } else { repeated.append(key) }
    }
  }

  var findings: [Finding] {
    var findings: [Finding] = []
    if !repeated.isEmpty {
      let list = TorchFindings.shortList(repeated.map(\.quoted))
      let subject =
        repeated.count == 1
        ? "the metadata key \(list) is"
        : "the metadata keys \(list) are"
      findings.append(
        Finding(
          .warning, .duplicateKey,
          "\(subject) the name of more than one value; the first is kept"))
    }
    if !left.isEmpty {
      findings.append(
        Finding(
          .note, .unsupportedType,
          "\(left.count == 1 ? "an attribute is" : "\(left.count) attributes are") of a type that "
            + "metadata does not have; left out: \(TorchFindings.shortList(left))"))
    }
    return findings
  }
}
