import Formats

/// Renames what an `adapter_config.json` says about modules along with the keys.
///
/// What is renamed is judged by the modules themselves: an entry is translated by
/// the modules that it means, so that it means the same ones afterwards.
struct ConfigurationRenaming {
  /// The path of a module before and after.
  struct Move: Hashable {
    let old: String
    let new: String
  }

  /// The adapted modules.
  private var adapted: [Move] = []
  /// The modules of which whole tensors or rows are in the adapter.
  private var saved: [Move] = []

  /// `before` and `after` are the keys, in the same order.
  init(from before: [String], to after: [String], family: String?) {
    var seen: Set<Move> = []
    for (old, new) in zip(before, after) {
      let (oldKey, newKey) = (
        AdapterKey(peft: old, family: family), AdapterKey(peft: new, family: family)
      )
      switch (oldKey.content, newKey.content) {
      case (.leaf, .leaf):
        let move = Move(old: oldKey.target, new: newKey.target)
        if seen.insert(move).inserted { adapted.append(move) }
      case (.plain, .plain):
        let move = Move(old: Self.module(oldKey.target), new: Self.module(newKey.target))
        if seen.insert(move).inserted { saved.append(move) }
      default: continue
      }
    }
  }

  /// The module of a tensor.
  private static func module(_ tensor: String) -> String {
    tensor.lastIndex(of: ".").map { String(tensor[..<$0]) } ?? tensor
  }

  /// The configuration with its entries renamed; the order of its fields stays.
  func renamed(_ json: JSONValue) -> JSONValue {
    guard let members = json.object else { return json }
    let result = JSONValue.object(
      members.map { member in
        JSONMember(member.key, renamed(member.value, field: member.key))
      })
    return choosingLayers(of: json, in: result)
  }

  /// Sees to it that the same layers are chosen: by the new names of their lists, or
  /// by naming every module.
  private func choosingLayers(of old: JSONValue, in new: JSONValue) -> JSONValue {
    guard new["target_modules"]?.array != nil, let selection = LayerSelection(old) else {
      return new
    }
    if chooses(new, selection, like: old) { return new }
    if let renamed = selection.renamed(adapted) {
      let changed = renamed.put(into: new)
      if chooses(changed, selection, like: old) { return changed }
    }
    let names = NaturalOrder.sorted(adapted.map(\.new)).map(JSONValue.string)
    return LayerSelection.removed(from: new).replacing(["target_modules": .array(names)])
  }

  /// Whether `new` chooses the adapted modules under their new names wherever `old`
  /// did under the old ones.
  private func chooses(_ new: JSONValue, _ selection: LayerSelection, like old: JSONValue) -> Bool {
    guard let changed = LayerSelection(new) else { return false }
    let exact = Set((new["target_modules"]?.array ?? []).compactMap(\.string))
    return adapted.allSatisfy { move in
      exact.contains(move.new)
        || zip(selection.choices(of: move.old), changed.choices(of: move.new))
          .allSatisfy { !$0 || $1 }
    }
  }

  private func renamed(_ value: JSONValue, field: String) -> JSONValue {
    switch field {
    case "target_modules": targets(value)
    case "modules_to_save": names(value, saved + adapted)
    case "target_parameters": parameters(value)
    case "rank_pattern", "alpha_pattern": pattern(value, field: field)
    case "trainable_token_indices": keys(value)
    default: value
    }
  }

  /// A list of names is translated; an expression that does not match any more
  /// becomes the list of the modules.
  private func targets(_ value: JSONValue) -> JSONValue {
    guard let expression = value.string else { return names(value, adapted) }
    if expression == "all-linear" || adapted.allSatisfy({ $0.old == $0.new }) { return value }
    if let pattern = try? PythonPattern(expression),
      adapted.allSatisfy({ pattern.matchesWhole($0.new) })
    {
      return value
    }
    return .array(NaturalOrder.sorted(adapted.map(\.new)).map(JSONValue.string))
  }

  private func names(_ value: JSONValue, _ moves: [Move]) -> JSONValue {
    guard let elements = value.array else { return value }
    return .array(
      Self.unique(elements.flatMap { $0.string.map { translate($0, moves) } ?? [] })
        .map(JSONValue.string))
  }

  /// Parameters are named with their module.
  private func parameters(_ value: JSONValue) -> JSONValue {
    guard let elements = value.array else { return value }
    return .array(
      Self.unique(
        elements.flatMap { element -> [String] in
          guard let name = element.string else { return [] }
          guard let dot = name.lastIndex(of: ".") else { return [name] }
          return translate(String(name[..<dot]), adapted).map { $0 + name[dot...] }
        }
      ).map(JSONValue.string))
  }

  private func keys(_ value: JSONValue) -> JSONValue {
    guard let members = value.object else { return value }
    return .object(
      members.flatMap { member in
        translate(member.key, saved + adapted).map { JSONMember($0, member.value) }
      })
  }

  /// Patterns are translated key by key, and spelt out module by module where that
  /// would give some module another value.
  private func pattern(_ value: JSONValue, field: String) -> JSONValue {
    guard let members = value.object, !members.isEmpty,
      let old = Self.matcher(members, field: field)
    else { return value }
    let wanted = adapted.map { old.value(for: $0.old) }
    func isRight(_ members: [JSONMember]) -> Bool {
      guard let matcher = Self.matcher(members, field: field) else { return false }
      return zip(adapted, wanted).allSatisfy { matcher.value(for: $0.new) == $1 }
    }
    if isRight(members) { return value }
    let translated = members.flatMap { member in
      translate(member.key, adapted).map { JSONMember($0, member.value) }
    }
    if isRight(translated) { return .object(translated) }
    return .object(
      zip(adapted, wanted).compactMap { move, number in
        guard let number, let member = members.first(where: { $0.value.double == number }) else {
          return nil
        }
        return JSONMember("^\(RenameRule.escaped(move.new))", member.value)
      })
  }

  private static func matcher(_ members: [JSONMember], field: String) -> ModulePatternMatcher? {
    let entries = members.compactMap { member in
      member.value.double.map { ModulePatterns.Entry(member.key, $0) }
    }
    guard entries.count == members.count else { return nil }
    return try? ModulePatternMatcher(ModulePatterns(entries), field: field)
  }

  /// What has to be said instead of `name`, which means all modules whose paths are
  /// it or end in it.
  private func translate(_ name: String, _ moves: [Move]) -> [String] {
    let meant = moves.filter { Self.ends($0.old, in: name) }
    if meant.isEmpty || meant.allSatisfy({ Self.ends($0.new, in: name) }) { return [name] }
    let length = name.dottedSegments.count
    return Self.unique(
      meant.map { move in
        let old = move.old.dottedSegments
        let new = move.new.dottedSegments
        let lead = old.count - length
        let start =
          new.count > lead && new.prefix(lead).elementsEqual(old.prefix(lead))
          ? lead : lead == 0 ? 0 : max(0, new.count - length)
        return new[start...].joined(separator: ".")
      })
  }

  private static func ends(_ path: String, in name: String) -> Bool {
    path == name || path.hasSuffix(".\(name)")
  }

  private static func unique(_ names: [String]) -> [String] {
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }
  }
}

extension RenamingDraft {
  /// Renames the configuration as the step from `before` to `after`, name by name, did
  /// the keys.
  mutating func renameConfiguration(from before: [String], to after: [String])
    throws(CheckpointError)
  {
    guard let configuration else { return }
    let family = configuration["peft_type"]?.string?.lowercased()
    let renaming = ConfigurationRenaming(from: before, to: after, family: family)
    self.configuration = renaming.renamed(configuration)
  }
}
