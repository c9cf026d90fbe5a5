import Compute
import Formats
import Merge

/// What `tenon convert --json` prints.
enum ConvertJSON {
  static func document(_ report: ConversionReport, output: String, isDryRun: Bool) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.integer("schema", 1)
      writer.string("output", output)
      writer.bool("dryRun", isDryRun)
      writer.string("format", report.format.rawValue)
      writer.files(report.files, of: output)
      writer.integer("tensors", report.tensorCount)
      writer.integer("copied", report.copied)
      writer.integer("converted", report.converted)
      writer.integer("bytes", report.byteCount)
      writer.integer("memory", report.memory)
      writer.key("lost")
      writer.array { writer in for loss in report.lost { writer.loss(loss) } }
      writer.key("shared")
      writer.array { writer in
        for group in report.shared {
          writer.object { writer in
            writer.string("kept", group.kept)
            writer.strings("others", group.others)
          }
        }
      }
      writer.strings("root", report.root)
      writer.key("left")
      writer.others(report.left)
      writer.findings(report.findings)
    }
    return writer.document()
  }
}

extension JSONWriter {
  fileprivate mutating func loss(_ loss: ConversionReport.Loss) {
    object { writer in
      writer.string("name", loss.name)
      writer.string("from", loss.from.name)
      writer.string("to", loss.to.name)
      writer.integer("overflow", loss.losses.overflow)
      writer.integer("underflow", loss.losses.underflow)
      writer.integer("changed", loss.losses.changed)
      writer.integer("elements", loss.elementCount)
    }
  }
}
