import Formats
import OrderedCollections

/// How the sides of weights are cut into those of the two factors of LoKr.
struct KroneckerShapes {
  /// PEFT's `decompose_factor`: the greatest part of a side that the first factor may have,
  /// or -1 where there is no such limit.
  let factor: Int

  /// The one that gives all modules, which have PEFT's names, the first factors that they have.
  init(_ records: [TensorRecord], _ shapes: [ExactName: [Int]?], path: String)
    throws(CheckpointError)
  {
    let first = Self.firstFactors(records)
    let wanted: [(sides: [Int], parts: [Int])] = first.compactMap { target, parts in
      guard case let shape?? = shapes[ExactName("\(target).weight")], shape.count >= 2 else {
        return nil
      }
      return (Array(shape.prefix(2)), parts)
    }
    let candidates = [-1] + Set(wanted.flatMap(\.parts)).sorted()
    let found = candidates.first { factor in
      wanted.allSatisfy { $0.sides.map { Self.part(of: $0, factor) } == $0.parts }
    }
    guard let found else {
      throw CheckpointError(
        path: path,
        "no decompose_factor gives all \(wanted.count) modules the first factors that they have, and "
          + "PEFT has one for all",
        fix: "choose the modules of one factor with --include")
    }
    factor = found
  }

  /// The rows and columns of the first factor of each module.
  private static func firstFactors(_ records: [TensorRecord]) -> OrderedDictionary<String, [Int]> {
    var parts: OrderedDictionary<String, [Int]> = [:]
    for record in records where record.shape.count == 2 {
      let target = AdapterKey(peft: record.name).target
      switch LycorisMethod.leaf(of: record) {
      case "lokr_w1": parts[target] = record.shape
      case "lokr_w1_a": parts[target, default: [0, 0]][0] = record.shape[0]
      case "lokr_w1_b": parts[target, default: [0, 0]][1] = record.shape[1]
      default: continue
      }
    }
    return parts
  }

  /// The smaller of two numbers whose product is `side` and which lie as near to each other
  /// as they can; with a limit, the limit itself where it divides.
  private static func part(of side: Int, _ factor: Int) -> Int {
    if factor > 0, side % factor == 0 { return factor }
    var best = 1
    var number = 1
    while number <= side / max(1, number), factor < 0 || number <= factor {
      if side % number == 0 { best = number }
      number += 1
    }
    return best
  }
}
