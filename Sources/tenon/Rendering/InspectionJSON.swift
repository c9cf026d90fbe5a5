import Compute
import Formats
import Inspect
import OrderedCollections

/// What `tenon inspect --json` prints.
enum InspectionJSON {
  /// One object for one path, a list of objects for several, with the first failure
  /// where some could not be read. `sink` takes a long text piece by piece; the end of
  /// it is returned.
  static func document(
    _ inspections: [Inspection], _ summaries: [[ExactName: TensorSummary]], isList: Bool,
    failure: CheckpointError?,
    sink: @escaping @Sendable ([UInt8]) -> Void
  ) -> [UInt8] {
    var writer = JSONWriter(sink: sink)
    if !isList, inspections.count == 1 {
      writer.object { writer in
        writer.integer("schema", 1)
        members(of: inspections[0], summaries[0], in: &writer)
        if let failure { writer.failure(failure) }
      }
    } else {
      writer.object { writer in
        writer.integer("schema", 1)
        writer.key("results")
        writer.array { writer in
          for (inspection, summary) in zip(inspections, summaries) {
            writer.object { members(of: inspection, summary, in: &$0) }
          }
        }
        if let failure { writer.failure(failure) }
      }
    }
    return writer.document()
  }

  private static func members(
    of inspection: Inspection, _ summaries: [ExactName: TensorSummary],
    in writer: inout JSONWriter
  ) {
    let checkpoint = inspection.checkpoint
    writer.string("path", checkpoint.path)
    writer.string("format", checkpoint.format.rawValue)
    writer.string("kind", inspection.kind.rawValue)
    writer.integer("parameters", inspection.parameters)
    writer.integer("bytes", inspection.byteCount)
    writer.key("metadata")
    writer.object { writer in
      for (key, value) in checkpoint.metadata { writer.string(named: key, value) }
    }
    writer.key("tensors")
    writer.array { writer in
      // A span, so that no record is copied.
      let records = checkpoint.records.span
      for shard in checkpoint.shards {
        for position in shard.records where inspection.accepts(records[position].name) {
          let (type, shape) = (records[position].type, records[position].shape)
          writer.object { writer in
            writer.string("name", records[position].name)
            writer.string("dtype", type.name)
            writer.integers("shape", shape)
            writer.integer("bytes", type.byteCount(of: shape.reduce(1, *)))
            writer.string("file", shard.name)
            if !summaries.isEmpty {
              writer.summary(summaries[ExactName(records[position].name)])
            }
          }
        }
      }
    }
    if !inspection.absent.isEmpty { writer.absent(inspection.absent) }
    writer.strings("root", checkpoint.rootPath)
    writer.key("others")
    writer.others(checkpoint.others)
    writer.key("adapter")
    if let adapter = inspection.adapter { writer.adapter(adapter) } else { writer.null() }
    writer.findings(inspection.findings)
  }
}

extension JSONWriter {
  /// Writes the tensors of shards that could not be read.
  fileprivate mutating func absent(_ tensors: [(name: String, file: String)]) {
    key("absent")
    array { writer in
      for (name, file) in tensors {
        writer.object { writer in
          writer.string("name", name)
          writer.string("file", file)
        }
      }
    }
  }

  /// Writes what a file holds beside its tensors.
  mutating func others(_ others: [OtherEntry]) {
    array { writer in
      for other in others {
        writer.object { writer in
          writer.string("path", other.path)
          writer.string("description", other.description)
        }
      }
    }
  }

  /// Writes the card of an adapter.
  fileprivate mutating func adapter(_ adapter: Adapter) {
    object { writer in
      writer.string("family", adapter.family)
      writer.integer("rank", adapter.rank)
      writer.double("alpha", adapter.alpha)
      writer.double("scale", adapter.scale)
      writer.bool("rslora", adapter.isRankStabilized)
      writer.string("base", adapter.base)
      writer.key("modules")
      writer.array { writer in
        for module in adapter.modules {
          writer.object { writer in
            writer.string("target", module.target)
            writer.integer("rank", module.rank)
            writer.double("alpha", module.alpha)
            writer.double("scale", module.scale)
            writer.shape("a", module.a)
            writer.shape("b", module.b)
          }
        }
      }
      writer.strings("replacements", adapter.replacements.map(\.record.name))
      writer.key("patterns")
      writer.object { writer in
        writer.patterns("rank_pattern", adapter)
        writer.patterns("alpha_pattern", adapter)
      }
    }
  }

  private mutating func shape(_ key: StaticString, _ record: TensorRecord?) {
    self.key(key)
    guard let record else { return null() }
    array { for size in record.shape { $0.integer(size) } }
  }

  /// Writes a table of patterns as the configuration has it.
  private mutating func patterns(_ key: StaticString, _ adapter: Adapter) {
    self.key(key)
    value(adapter.configuration?.json["\(key)"] ?? .object([]))
  }

  /// The members of `--stats` and `--hash`.
  fileprivate mutating func summary(_ summary: TensorSummary?) {
    if let statistics = summary?.statistics { self.statistics(statistics) }
    if let sha256 = summary?.sha256 { string("sha256", sha256) }
  }

  private mutating func statistics(_ statistics: ValueStatistics) {
    key("stats")
    object { writer in
      writer.double("min", statistics.minimum)
      writer.double("max", statistics.maximum)
      writer.double("mean", statistics.finite > 0 ? statistics.mean : nil)
      writer.double("std", statistics.standardDeviation)
      writer.integer("nan", statistics.nan)
      writer.integer("inf", statistics.infinite)
      writer.integer("zeros", statistics.zeros)
    }
  }
}
