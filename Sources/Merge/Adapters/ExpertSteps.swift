import Formats
import Inspect

extension ExpertMatching.Match {
  /// The steps for each tensor of the base that holds some of the parameter.
  func steps(adapter: Adapter, weight: Double, numerics: Numerics) throws(CheckpointError)
    -> [(record: TensorRecord, step: UpdateStep)]
  {
    let scale = try module.knownScale(path: adapter.path)
    guard let a = module.a, let b = module.b, let rank = module.rank else {
      preconditionFailure("only pairs with a rank are matched")
    }
    return parameter.pieces.map { piece in
      let form: Delta.Form =
        if let part = piece.part {
          .lowRank(
            b: Factor(
              b.expert(part.expert, of: parameter.count, rows: isTransposed ? nil : part.rows)),
            a: Factor(
              a.rows(
                part.expert * rank..<(part.expert + 1) * rank,
                columns: isTransposed ? part.rows : nil)))
        } else {
          .experts(b: Factor(b), a: Factor(a), count: parameter.count)
        }
      let delta = Delta(
        form, rank: rank, scale: scale * weight, isTransposed: isTransposed,
        // PEFT rounds the update of a parameter to its type before adding it.
        isRoundedFirst: numerics == .peft && piece.record.type.bitWidth < 32)
      return (piece.record, UpdateStep(.add(delta), adapter: adapter.path))
    }
  }
}

extension TensorRecord {
  /// Rows of a matrix, and columns of it.
  fileprivate func rows(_ rows: Range<Int>, columns: Range<Int>?) -> TensorRecord {
    let columns = columns ?? 0..<shape[1]
    return part(
      rows: rows, columns: columns.lowerBound, step: 1, count: columns.count)
  }

  /// The columns `k·count + expert` of B, and rows of them.
  fileprivate func expert(_ expert: Int, of count: Int, rows: Range<Int>?) -> TensorRecord {
    part(rows: rows ?? 0..<shape[0], columns: expert, step: count, count: shape[1] / count)
  }

  private func part(rows: Range<Int>, columns: Int, step: Int, count: Int) -> TensorRecord {
    var copy = self
    let own = bytes?.view ?? StridedView(offset: 0, strides: [shape[1], 1])
    copy.shape = [rows.count, count]
    copy.bytes?.view = StridedView(
      offset: own.offset + rows.lowerBound * own.strides[0] + columns * own.strides[1],
      strides: [own.strides[0], own.strides[1] * step])
    return copy
  }
}
