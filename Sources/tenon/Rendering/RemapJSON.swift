import Formats
import Inspect

/// What `tenon remap --json` prints.
enum RemapJSON {
  static func document(_ report: RemapReport) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.integer("schema", 1)
      writer.string("output", report.output)
      writer.bool("dryRun", report.isDryRun)
      writer.integer("renamed", report.renaming.renamed.count)
      writer.integer("kept", report.renaming.kept.count)
      writer.strings("dropped", report.dropped.map(\.name))
      writer.strings("added", report.added)
      writer.key("projections")
      writer.array { writer in
        for change in report.projections { writer.projection(change) }
      }
      writer.key("rules")
      writer.array { writer in for step in report.steps { writer.rules(step) } }
      writer.key("patterns")
      writer.array { writer in for pattern in report.renaming.patterns { writer.pattern(pattern) } }
      writer.match(report.match)
      writer.files(report.files, of: report.output)
      writer.integer("bytes", report.byteCount)
      writer.findings(report.findings)
    }
    return writer.document()
  }
}

extension JSONWriter {
  fileprivate mutating func rules(_ step: RenamingDraft.Step) {
    for (rule, count) in zip(step.map.rules, step.counts) {
      object { writer in
        writer.string("pattern", rule.pattern)
        writer.string("replacement", rule.replacement)
        writer.string("source", step.source.text)
        writer.integer("count", count)
      }
    }
  }

  fileprivate mutating func pattern(_ pattern: RenamePattern) {
    object { writer in
      writer.string("from", pattern.from)
      writer.string("to", pattern.to)
      writer.integer("count", pattern.count)
      writer.key("examples")
      writer.array { writer in
        for example in pattern.examples {
          writer.object { writer in
            writer.string("from", example.from)
            writer.string("to", example.to)
          }
        }
      }
    }
  }

  fileprivate mutating func projection(_ change: ProjectionChange) {
    object { writer in
      writer.string("source", change.source.text)
      writer.strings("from", change.from)
      writer.strings("to", change.to)
      writer.integer("modules", change.moduleCount)
    }
  }

  fileprivate mutating func match(_ match: MatchSummary?) {
    key("match")
    guard let match else { return null() }
    object { writer in
      writer.string("base", match.base)
      writer.integer("placed", match.placed)
      writer.integer("of", match.count)
      writer.strings("unplaced", match.unplaced)
      writer.strings("shared", match.shared)
    }
  }
}

extension RenamingDraft.Source {
  /// Where the rule comes from, in a few words.
  var text: String {
    switch self {
    case .preset(let name): "preset \(name)"
    case .map(let path): "map \(path)"
    case .rule: "rename"
    case .inferred(let path): "to match \(path)"
    }
  }
}
