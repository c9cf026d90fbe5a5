import Formats

/// One change of the keys that would give every module of an adapter its tensor.
public struct RenameSuggestion: Sendable, Hashable {
  /// The rule for `tenon remap --rename`: `REGEX=REPLACEMENT`, for the names as the
  /// adapter's file has them.
  public let rule: String
  /// The number of modules that it moves.
  public let count: Int
  /// The rule that puts PEFT's beginning before every path, where the names need it.
  private let prefixing: String?

  /// All rules, in order.
  public var rules: [String] { [rule] + (prefixing.map { [$0] } ?? []) }

  /// The rule that puts PEFT's beginning before names that have none.
  static let prefixing = "^=base_model.model."

  /// Finds the change, or nil where there is none or more than one: a guess is
  /// worse than nothing.
  ///
  /// `settled` are the modules that fit already; they have to stay where they are.
  init?(
    _ modules: [AdapterModule], settled: [String], in names: NearestNames, needsPrefix: Bool = false
  ) {
    let search = RenameSearch(modules: modules, settled: Set(settled), names: names)
    guard let rule = search.rule() else { return nil }
    self.rule = rule
    count = modules.count
    prefixing = needsPrefix ? search.prefixing : nil
  }

  /// The command that renames the adapter at `path`.
  public func command(for path: String) -> String {
    FixCommands.rename(path, rules)
  }
}
