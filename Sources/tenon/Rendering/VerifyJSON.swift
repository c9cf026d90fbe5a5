import Compute
import Formats
import Merge

/// What `tenon verify --json` prints.
enum VerifyJSON {
  static func document(_ report: VerificationReport, tolerance: Double) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.integer("schema", 1)
      writer.bool("equal", report.isEqual(tolerance: tolerance))
      writer.string("conclusion", report.conclusion(tolerance: tolerance).rawValue)
      writer.string("numerics", report.numerics?.rawValue)
      writer.double("scale", report.commonScale.map { rounded($0) })
      writer.key("targets")
      writer.array { writer in
        for target in report.targets { writer.object { members(of: target, in: &$0) } }
      }
      writer.strings("unexpectedChanges", report.changes.map(\.name))
      writer.key("changes")
      writer.array { writer in
        for change in report.changes { writer.object { members(of: change, in: &$0) } }
      }
      writer.integer("untouched", report.untouched)
      writer.integer("converted", report.converted)
      writer.findings(report.findings)
    }
    return writer.document()
  }

  private static func members(of target: VerificationReport.Target, in writer: inout JSONWriter) {
    let isCompared = target.differing != nil
    writer.string("target", target.target)
    writer.string("tensor", target.tensor)
    writer.string("dtype", target.type.name)
    writer.string("verdict", target.verdict.rawValue)
    // No distance leads to NaN.
    writer.integer(
      "maxUlp", isCompared && !target.distance.hasNaN ? target.distance.maximumUlp : nil)
    writer.bool("nan", target.distance.hasNaN)
    writer.double("maxTermUlp", isCompared ? rounded(target.distance.maximumTermUlp) : nil)
    writer.integer("differing", target.differing)
    writer.integer("elements", target.elementCount)
    writer.bool("baseIdentical", target.isBase)
    writer.string("numerics", target.numerics?.rawValue)
    writer.double("share", target.distance.share.map { rounded($0) })
    writer.double("relativeError", target.distance.relativeError.map { rounded($0) })
  }

  private static func members(of change: VerificationReport.Change, in writer: inout JSONWriter) {
    writer.string("name", change.name)
    writer.string("reason", change.reason.rawValue)
    header("expected", change.expected, in: &writer)
    header("found", change.found, in: &writer)
    writer.integer("differing", change.differing)
  }

  private static func header(
    _ key: StaticString, _ header: VerificationReport.Change.Header?, in writer: inout JSONWriter
  ) {
    guard let header else {
      writer.string(key, nil)
      return
    }
    writer.key(key)
    writer.object { writer in
      writer.string("dtype", header.type.name)
      writer.integers("shape", header.shape)
    }
  }

  /// Nine significant digits: the last ones depend on how the sums were cut into blocks.
  private static func rounded(_ value: Double) -> Double {
    value.isFinite ? Double(significant(value, 9)) ?? value : value
  }
}
