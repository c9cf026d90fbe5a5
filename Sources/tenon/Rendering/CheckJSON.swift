import Formats
import Inspect

/// What `tenon check --json` prints.
enum CheckJSON {
  static func document(_ report: CheckReport) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.integer("schema", 1)
      writer.string("path", report.path)
      writer.findings(report.findings)
      writer.strings("missing", report.load.missing)
      writer.strings("unexpected", report.load.unexpected)
      writer.key("mismatched")
      writer.array { writer in
        for mismatch in report.load.mismatched {
          writer.object { writer in
            writer.string("name", mismatch.name)
            writer.integers("expected", mismatch.expected)
            writer.integers("found", mismatch.found)
          }
        }
      }
      writer.key("suggestedMap")
      if let map = report.suggestedMap {
        writer.object { writer in
          for rule in map { writer.string(named: rule.pattern, rule.replacement) }
        }
      } else {
        writer.null()
      }
      if let placement = report.placement { writer.placement(placement) }
    }
    return writer.document()
  }
}

extension JSONWriter {
  fileprivate mutating func placement(_ placement: AdapterPlacement) {
    key("placement")
    object { writer in
      writer.integer("tensors", placement.tensorCount)
      writer.integer("modules", placement.moduleCount)
      writer.integer("update", placement.count(.update))
      writer.integer("shared", placement.count(.shared))
      writer.integer("replacement", placement.count(.replacement))
      writer.integer("copy", placement.count(.copy))
      writer.integer("unplaced", placement.count(.unplaced))
    }
  }
}
