import ArgumentParser
import Formats
import Inspect

/// Does what says whether options were typed rightly; an error is one of usage.
func requireUsage(_ check: () throws(CheckpointError) -> Void) throws {
  do throws(CheckpointError) {
    try check()
  } catch {
    throw ValidationError(error.description + (error.fix.map { "; try: \($0)" } ?? ""))
  }
}

extension RenameRule {
  /// The rules that were typed, in their order.
  static func typed(_ texts: [String]) throws(CheckpointError) -> [RenameRule] {
    var rules: [RenameRule] = []
    for text in texts { rules.append(try RenameRule(argument: text)) }
    return rules
  }
}
