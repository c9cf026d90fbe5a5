import Formats

/// Renames what an `adapter_config.json` says about modules along with the keys.
///
/// What is renamed is judged by the modules themselves: an entry is translated by
/// the modules that it means, so that it means the same ones afterwards.
struct ConfigurationRenaming {
  typealias Move = ModuleMove

  /// The adapted modules.
  private var adapted: [Move] = []
  /// The modules of which whole tensors or rows are in the adapter.
  private var saved: [Move] = []

  /// `before` and `after` are the keys, in the same order.
  init(from before: [String], to after: [String], family: String?) {
    var seenAdapted: Set<Move> = []
    // Of an adapted embedding the weight itself may be in the adapter too.
    var seenSaved: Set<Move> = []
    for (old, new) in zip(before, after) {
      let (oldKey, newKey) = (
        AdapterKey(peft: old, family: family), AdapterKey(peft: new, family: family)
      )
      switch (oldKey.content, newKey.content) {
      case (.leaf, .leaf):
        let move = Move(old: oldKey.target, new: newKey.target)
        if seenAdapted.insert(move).inserted { adapted.append(move) }
      case (.plain, .plain):
        let move = Move(old: Self.module(oldKey.target), new: Self.module(newKey.target))
        if seenSaved.insert(move).inserted { saved.append(move) }
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
    return choosingLayers(of: json, in: excluding(of: json, in: result))
  }

  /// Sees to it that the same modules are left out: by their new names, or by naming
  /// every module that is not.
  private func excluding(of old: JSONValue, in new: JSONValue) -> JSONValue {
    let field = "exclude_modules"
    guard let excluded = old[field], excluded.array?.isEmpty != true, excluded != .null,
      adapted.contains(where: { $0.old != $0.new })
    else { return new }
    let entries = (excluded.array ?? []).compactMap(\.string)
    let renamed = entries.compactMap { ModuleMove.translate(like: $0, adapted) }
    if !entries.isEmpty, renamed.count == entries.count {
      let names = ModuleMove.unique(renamed).map(JSONValue.string)
      return new.replacing([field: .array(names)])
    }
    guard let targets = new["target_modules"], targets != .null else { return new }
    return new.replacing(["target_modules": everyModule, field: .null])
  }

  /// The names of all adapted modules.
  private var everyModule: JSONValue {
    .array(NaturalOrder.sorted(adapted.map(\.new)).map(JSONValue.string))
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
    return LayerSelection.removed(from: new).replacing(["target_modules": everyModule])
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
    case "feedforward_modules": some(value)
    case "modules_to_save": names(value, saved + adapted, containers: saved)
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
    return everyModule
  }

  /// The same of some of the modules: an expression becomes the list of those that it
  /// matched, unless it still matches them and no others.
  private func some(_ value: JSONValue) -> JSONValue {
    guard let expression = value.string else { return names(value, adapted) }
    guard let pattern = try? PythonPattern(expression) else { return value }
    let matched = adapted.filter { pattern.matchesWhole($0.old) }
    let isKept = adapted.allSatisfy {
      pattern.matchesWhole($0.old) == pattern.matchesWhole($0.new)
    }
    return isKept
      ? value : .array(NaturalOrder.sorted(matched.map(\.new)).map(JSONValue.string))
  }

  /// Names of modules, or of what holds some of `containers`.
  private func names(_ value: JSONValue, _ moves: [Move], containers: [Move] = []) -> JSONValue {
    guard let elements = value.array else { return value }
    let names = elements.compactMap(\.string).flatMap { name in
      moves.contains { ModuleMove.ends($0.old, in: name) }
        ? ModuleMove.translate(name, moves)
        : ModuleMove.translate(container: name, containers)
    }
    return .array(ModuleMove.unique(names).map(JSONValue.string))
  }

  /// Parameters are named with their module.
  private func parameters(_ value: JSONValue) -> JSONValue {
    guard let elements = value.array else { return value }
    return .array(
      ModuleMove.unique(
        elements.flatMap { element -> [String] in
          guard let name = element.string else { return [] }
          guard let dot = name.lastIndex(of: ".") else { return [name] }
          return ModuleMove.translate(String(name[..<dot]), adapted).map { $0 + name[dot...] }
        }
      ).map(JSONValue.string))
  }

  private func keys(_ value: JSONValue) -> JSONValue {
    guard let members = value.object else { return value }
    return .object(
      members.flatMap { member in
        ModuleMove.translate(member.key, saved + adapted).map { JSONMember($0, member.value) }
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
      ModuleMove.translate(member.key, adapted).map { JSONMember($0, member.value) }
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
