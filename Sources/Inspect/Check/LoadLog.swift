/// The text of a failed load taken apart: the keys that it names, and known sentences.
///
/// Torch, PEFT, transformers (the sentences of version 4, the table of version 5) and
/// diffusers are understood, also where a terminal broke lines or the text was cut.
struct LoadLog {
  /// What the lists are about.
  enum Subject: Hashable, Sendable {
    /// A model that was given a state dict.
    case model
    /// An adapter that was put onto a model.
    case adapter
  }

  var load = StrictLoad()
  var subjects: Set<Subject> = []
  /// Whether names were given as patterns, which stand for more than was said.
  var isFolded = false
  /// What is known of the sentences that it holds, in the order of the table.
  let failures: [KnownFailure]

  /// Whether there is anything in it that can be explained.
  var isEmpty: Bool { load.isClean && failures.isEmpty }

  init(_ text: String) {
    let text = Self.plain(text)
    failures = KnownFailure.found(in: text)
    for phrase in Self.phrases {
      var rest = text[...]
      while let range = rest.firstRange(of: phrase.text) {
        rest = rest[range.upperBound...]
        let names = phrase.names(rest)
        guard !names.isEmpty else { continue }
        subjects.insert(phrase.subject)
        switch phrase.list {
        case .missing: load.missing += names
        case .unexpected: load.unexpected += names
        }
      }
    }
    readMismatches(text)
    readTable(text)
    load.missing = Self.distinct(load.missing)
    load.unexpected = Self.distinct(load.unexpected)
    load.mismatched = Self.distinct(load.mismatched)
  }

  private struct Phrase: Sendable {
    enum List: Sendable { case missing, unexpected }
    let text: String
    let list: List
    let subject: Subject
    let names: @Sendable (Substring) -> [String]

    init(
      _ text: String, _ list: List, _ subject: Subject = .model,
      _ names: @escaping @Sendable (Substring) -> [String] = { LoadLog.names($0) }
    ) {
      self.text = text
      self.list = list
      self.subject = subject
      self.names = names
    }
  }

  private static let phrases = [
    Phrase("Missing key(s) in state_dict:", .missing),
    Phrase("Unexpected key(s) in state_dict:", .unexpected),
    Phrase("missing_keys=", .missing),
    Phrase("unexpected_keys=", .unexpected),
    Phrase("Found missing adapter keys while loading the checkpoint:", .missing, .adapter),
    Phrase("are newly initialized:", .missing),
    Phrase(" when initializing ", .unexpected, .model, { LoadLog.namesAfterColon($0) }),
    Phrase("unexpected keys found in the model:", .unexpected, .adapter, { LoadLog.bareNames($0) }),
    Phrase("missing keys in the model:", .missing, .adapter, { LoadLog.bareNames($0) }),
    Phrase("because the following keys are missing:", .missing, .model, { LoadLog.bareNames($0) }),
    Phrase(
      "The following keys have not been correctly renamed:", .unexpected, .adapter,
      { LoadLog.bareNames($0) }),
  ]

  private static func distinct<Value: Hashable>(_ values: [Value]) -> [Value] {
    var seen: Set<Value> = []
    return values.filter { seen.insert($0).inserted }
  }
}
