import Formats

/// What is odd about the names and sizes of tensors, whatever they are for.
enum NameChecks {
  static func findings(_ checkpoint: Checkpoint, isAdapter: Bool) -> [Finding] {
    lookAlikes(checkpoint.records.map(\.name))
      + (isAdapter ? [] : emptyTensors(checkpoint.records))
  }

  /// Names that a person would take for the same.
  static func lookAlikes(_ names: [String]) -> [Finding] {
    var groups: [String: [String]] = [:]
    var order: [String] = []
    for name in names {
      let key = folded(name)
      if groups[key] == nil { order.append(key) }
      groups[key, default: []].append(name)
    }
    let alike = order.compactMap { groups[$0] }.filter { $0.count > 1 }
    guard let first = alike.first else { return [] }
    let tensors = alike.flatMap(\.self)
    let more = alike.count > 1 ? ", and \(alike.count - 1) more such groups" : ""
    return [
      Finding(
        .warning, .duplicateKey, tensors: tensors,
        "\(tensors.count) names differ only in case, spaces or the form of their letters: "
          + "\(Wording.list(NaturalOrder.sorted(first)))\(more)")
    ]
  }

  /// The name without what the eye overlooks. Strings are equal where their letters
  /// look the same; that is why the name itself is no key of a file.
  private static func folded(_ name: String) -> String {
    if name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !($0 >= 0x41 && $0 <= 0x5A) }) {
      return name
    }
    return String(
      String.UnicodeScalarView(
        name.lowercased().unicodeScalars.filter { scalar in
          !scalar.properties.isWhitespace && scalar.properties.generalCategory != .format
            && scalar.properties.generalCategory != .control
        }))
  }

  /// Tensors of a model without elements or without data.
  private static func emptyTensors(_ records: [TensorRecord]) -> [Finding] {
    let placeholders = records.filter { $0.shape == [0] }.map(\.name)
    let empty = records.filter { $0.elementCount == 0 && $0.shape != [0] }.map(\.name)
    let withoutData = records.filter { $0.bytes == nil && $0.elementCount > 0 }
    // A sparse or nested tensor is in the file, only not as one row of elements.
    let unsupported = withoutData.filter { $0.type.element == nil }
    let absent = withoutData.filter { $0.type.element != nil }.map(\.name)
    var findings: [Finding] = []
    if !placeholders.isEmpty {
      findings.append(
        Finding(
          .error, .zeroSizeTensor, tensors: placeholders,
          "\(Wording.count(placeholders.count, "tensor")) "
            + "\(Wording.verb(placeholders.count, "has", "have")) the shape [0] "
            + "(\(Wording.folded(placeholders))): saved under "
            + (DividedTensors.areOfFSDP(records)
              ? "FSDP without gathering, so that other tensors are only what was left on one rank; "
                + DividedTensors.advice
              : "ZeRO-3 without gathering, the data is in the DeepSpeed checkpoint of the run")))
    }
    if !empty.isEmpty {
      findings.append(
        Finding(
          .note, .zeroSizeTensor, tensors: empty,
          "\(Wording.count(empty.count, "tensor")) \(Wording.verb(empty.count, "has", "have")) no "
            + "elements (\(Wording.folded(empty)))"))
    }
    if !unsupported.isEmpty {
      let types = Set(unsupported.map(\.type.name)).sorted().joined(separator: ", ").printable
      let pieces = DividedTensors.words(for: unsupported)
      findings.append(
        Finding(
          pieces == nil ? .note : .error, .unsupportedType, tensors: unsupported.map(\.name),
          "\(Wording.count(unsupported.count, "tensor")) "
            + "\(Wording.verb(unsupported.count, "is", "are")) listed but not read "
            + "(\(Wording.folded(unsupported.map(\.name)))): of type \(types)\(pieces ?? "")"))
    }
    if !absent.isEmpty {
      findings.append(
        Finding(
          .warning, .zeroSizeTensor, tensors: absent,
          "\(Wording.count(absent.count, "tensor")) "
            + "\(Wording.verb(absent.count, "has", "have")) a shape but no data in the file "
            + "(\(Wording.folded(absent)))"))
    }
    return findings
  }
}
