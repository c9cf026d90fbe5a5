import Compute
import Formats
import Merge

/// What `tenon diff --json` prints.
enum DiffJSON {
  static func document(_ difference: CheckpointDifference) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.integer("schema", 1)
      writer.bool("same", difference.isSame)
      writer.strings("onlyInA", difference.onlyInA.map(\.name))
      writer.strings("onlyInB", difference.onlyInB.map(\.name))
      writer.key("different")
      writer.array { writer in
        for tensor in difference.different { writer.object { members(of: tensor, in: &$0) } }
      }
      writer.integer("equal", difference.equal)
      writer.key("moved")
      writer.array { writer in
        for move in difference.moved {
          writer.object { writer in
            writer.string("a", move.a)
            writer.string("b", move.b)
          }
        }
      }
    }
    return writer.document()
  }

  private static func members(of tensor: TensorDifference, in writer: inout JSONWriter) {
    let comparison = tensor.values?.comparison
    writer.string("name", tensor.name)
    writer.string("reason", tensor.reason.rawValue)
    writer.double("maxAbs", comparison?.maximumAbsolute)
    writer.double("maxRel", comparison?.maximumRelative)
    writer.integer("differing", tensor.values?.differing)
    writer.double("cosine", comparison?.cosine)
    writer.double("relativeNorm", comparison?.relativeNorm)
    writer.integer("incomparable", comparison?.incomparable)
    writer.key("a")
    header(of: tensor.a, in: &writer)
    writer.key("b")
    header(of: tensor.b, in: &writer)
  }

  private static func header(of record: TensorRecord, in writer: inout JSONWriter) {
    writer.object { writer in
      writer.string("dtype", record.type.name)
      writer.integers("shape", record.shape)
    }
  }
}
