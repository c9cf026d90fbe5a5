import Formats
import Merge

/// What `tenon merge --json` prints.
enum MergeJSON {
  static func document(_ report: MergeReport, output: String, isDryRun: Bool) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.integer("schema", 1)
      writer.string("output", output)
      writer.bool("dryRun", isDryRun)
      writer.key("merged")
      writer.array { writer in
        for target in report.targets { writer.target(target) }
      }
      writer.strings("replaced", report.replaced)
      writer.integer("copied", report.copied)
      writer.integer("untouchedBytes", report.untouchedBytes)
      writer.integer("converted", report.converted)
      writer.strings("unused", [])
      writer.files(report.files, of: output)
      writer.integer("bytes", report.byteCount)
      writer.integer("memory", report.memory)
      writer.findings(report.findings)
    }
    return writer.document()
  }
}

extension JSONWriter {
  fileprivate mutating func target(_ target: MergeReport.Target) {
    object { writer in
      writer.string("target", target.target)
      writer.string("tensor", target.tensor)
      writer.integer("rank", target.rank)
      writer.double("scale", target.scale)
      writer.strings("adapters", target.adapters)
      // The last digits depend on how the sums were cut into blocks.
      writer.double("relativeUpdate", target.relativeUpdate.map { rounded($0) })
      writer.double("kept", target.kept.map { rounded($0) })
    }
  }
}

/// Nine significant digits.
private func rounded(_ value: Double) -> Double {
  Double(significant(value, 9)) ?? value
}
