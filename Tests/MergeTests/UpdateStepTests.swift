import Compute
import Formats
import Inspect
import TestSupport
import Testing

@testable import Merge

/// Each step against plain loops in double precision.
@Suite struct UpdateStepTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    /// The shapes of the tensors that the step reads.
    let inputs: [[Int]]
    let step: @Sendable ([TensorRecord]) -> UpdateStep.Action
    /// What becomes of the element of the base at a row and a column.
    let expected:
      @Sendable (_ base: TestTensor, _ inputs: [TestTensor], _ row: Int, _ column: Int) -> Double
    var testDescription: String { name }
  }

  /// The base: 6 rows of 2 × 4, as a convolution has them.
  static let shape = [6, 2, 4]

  static func product(_ b: TestTensor, _ a: TestTensor, _ row: Int, _ column: Int) -> Double {
    (0..<a.shape[0]).reduce(0) { $0 + b[row, $1] * a[$1, column] }
  }

  static func turn(
    _ source: AdapterRotation?, _ form: UpdateStep.Rotation.Form, bound: Double? = nil
  ) -> UpdateStep.Action {
    guard let source else { return .round }
    return .rotate(UpdateStep.Rotation(source, form: form, bound: bound))
  }

  /// The skew-symmetric 4×4 matrix with the numbers of a row above its diagonal.
  static func skew(_ numbers: TestTensor, _ row: Int) -> [[Double]] {
    var matrix = [[Double]](repeating: [0, 0, 0, 0], count: 4)
    for (index, place) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)].enumerated() {
      matrix[place.0][place.1] = numbers[row, index]
      matrix[place.1][place.0] = -numbers[row, index]
    }
    return matrix
  }

  /// 1 + 2S + 2S² and so on; the last of at least three powers counts once.
  static func neumann(_ skew: [[Double]], terms: Int) -> [[Double]] {
    let factors = terms == 3 ? [2.0, 2, 1] : [2, 2, 2, 1]
    var sum = (0..<4).map { row in (0..<4).map { $0 == row ? 1.0 : 0 } }
    var power = sum
    for factor in factors {
      power = power.map { row in
        (0..<4).map { column in (0..<4).reduce(0) { $0 + row[$1] * skew[$1][column] } }
      }
      for row in 0..<4 { for column in 0..<4 { sum[row][column] += factor * power[row][column] } }
    }
    return sum
  }

  @Test(arguments: [1, 2, 5, 16, 70])
  func `Cayley's transform is a rotation that undoes one plus its matrix`(size: Int) {
    let seed = UInt64.random(in: 0 ..< .max)
    var generator = SeededGenerator(seed: seed)
    var skew = [Float](repeating: 0, count: size * size)
    for row in 0..<size {
      for column in 0..<row {
        let number = Float.random(in: -2...2, using: &generator)
        skew[row * size + column] = number
        skew[column * size + row] = -number
      }
    }
    let turned = SquareMatrix(size: size, skew).cayley.elements.map(Double.init)
    for row in 0..<size {
      for column in 0..<size {
        var (length, product) = (0.0, turned[row * size + column])
        for k in 0..<size {
          length += turned[row * size + k] * turned[column * size + k]
          product += turned[row * size + k] * Double(skew[k * size + column])
        }
        let one = row == column ? 1.0 : 0
        #expect(abs(length - one) < 1e-5, "seed \(seed)")
        #expect(abs(product - (one - Double(skew[row * size + column]))) < 1e-5, "seed \(seed)")
      }
    }
  }

  static let cases = [
    Case(
      name: "B·A", inputs: [[6, 3], [3, 8]],
      step: { .add(Delta(.lowRank(b: Factor($0[0]), a: Factor($0[1])), scale: 0.5)) },
      expected: { $0[$2, $3] + 0.5 * product($1[0], $1[1], $2, $3) }),
    Case(
      name: "(B·A)ᵀ", inputs: [[8, 3], [3, 6]],
      step: {
        .add(Delta(.lowRank(b: Factor($0[0]), a: Factor($0[1])), scale: -2, isTransposed: true))
      },
      expected: { $0[$2, $3] - 2 * product($1[0], $1[1], $3, $2) }),
    Case(
      name: "B·A on some rows", inputs: [[2, 3], [3, 8]],
      step: {
        .add(Delta(.lowRank(b: Factor($0[0]), a: Factor($0[1])), scale: 1, rows: 3..<5))
      },
      expected: {
        $0[$2, $3] + ((3..<5).contains($2) ? product($1[0], $1[1], $2 - 3, $3) : 0)
      }),
    Case(
      name: "B·diag(E)·A", inputs: [[6, 3], [3, 8], [3, 1]],
      step: {
        .add(
          Delta(.lowRank(b: Factor($0[0]), a: Factor($0[1], rowScales: $0[2])), scale: 1))
      },
      expected: { base, inputs, row, column in
        base[row, column]
          + (0..<3).reduce(0) {
            $0 + inputs[0][row, $1] * inputs[2][$1, 0] * inputs[1][$1, column]
          }
      }),
    Case(
      name: "B·A, divided once it is scaled", inputs: [[6, 3], [3, 8]],
      step: {
        var delta = Delta(.lowRank(b: Factor($0[0]), a: Factor($0[1])), scale: 3)
        delta.divisor = 4
        return .add(delta)
      },
      expected: { $0[$2, $3] + 0.75 * product($1[0], $1[1], $2, $3) }),
    Case(
      name: "a core", inputs: [[6, 3], [2, 2], [3, 2, 4]],
      step: {
        .add(Delta(.lowRank(b: Factor($0[0]), a: Factor($0[1], core: $0[2])), scale: 1))
      },
      expected: { base, inputs, row, column in
        let (input, place) = column.quotientAndRemainder(dividingBy: 4)
        var sum = base[row, column]
        for i in 0..<3 {
          for j in 0..<2 {
            sum += inputs[2][i, j * 4 + place] * inputs[0][row, i] * inputs[1][j, input]
          }
        }
        return sum
      }),
    Case(
      name: "LoHa", inputs: [[6, 3], [3, 8], [6, 2], [2, 8]],
      step: {
        .add(
          Delta(
            .hadamard(
              b1: Factor($0[0]), a1: Factor($0[1]), b2: Factor($0[2]), a2: Factor($0[3])),
            scale: 3))
      },
      expected: {
        $0[$2, $3] + 3 * product($1[0], $1[1], $2, $3) * product($1[2], $1[3], $2, $3)
      }),
    Case(
      name: "LoKr", inputs: [[2, 2], [3, 4]],
      step: {
        .add(Delta(.kronecker(.whole(Factor($0[0])), .whole(Factor($0[1]))), scale: 0.25))
      },
      expected: { $0[$2, $3] + 0.25 * $1[0][$2 / 3, $3 / 4] * $1[1][$2 % 3, $3 % 4] }),
    Case(
      name: "LoKr of products", inputs: [[2, 1], [1, 2], [3, 2], [2, 4]],
      step: {
        .add(
          Delta(
            .kronecker(
              .product(Factor($0[0]), Factor($0[1])), .product(Factor($0[2]), Factor($0[3]))),
            scale: 1))
      },
      expected: {
        $0[$2, $3] + product($1[0], $1[1], $2 / 3, $3 / 4) * product($1[2], $1[3], $2 % 3, $3 % 4)
      }),
    // As torch.kron has it of [2, 1] and [3, 2, 4]: [3, 4, 4], which fills [6, 2, 4].
    Case(
      name: "LoKr, slice by slice", inputs: [[2, 1], [3, 2, 4]],
      step: {
        .add(
          Delta(
            .kronecker(.whole(Factor($0[0])), .whole(Factor($0[1])), sliceWidth: 4), scale: 1))
      },
      expected: { base, inputs, row, column in
        let (line, place) = (row * 8 + column).quotientAndRemainder(dividingBy: 4)
        let (slice, rest) = line.quotientAndRemainder(dividingBy: 4)
        return base[row, column] + inputs[0][rest / 2, 0] * inputs[1][slice, rest % 2 * 4 + place]
      }),
    Case(
      name: "the matrix itself", inputs: [[6, 2, 4]],
      step: { .add(Delta(.full(Factor($0[0])), scale: -1)) },
      expected: { $0[$2, $3] - $1[0][$2, $3] }),
    Case(
      name: "experts", inputs: [[2, 6], [6, 8]],
      step: {
        .add(Delta(.experts(b: Factor($0[0]), a: Factor($0[1]), count: 3), scale: 1))
      },
      expected: { base, inputs, row, column in
        // Three experts of two rows, of rank 2.
        let (expert, own) = row.quotientAndRemainder(dividingBy: 2)
        return base[row, column]
          + (0..<2).reduce(0) {
            $0 + inputs[0][own, $1 * 3 + expert] * inputs[1][expert * 2 + $1, column]
          }
      }),
    Case(
      name: "lengths of rows", inputs: [[6]],
      step: { .normalise(UpdateStep.Normalisation($0[0], along: .rows)) },
      expected: { base, inputs, row, column in
        let norm = (0..<8).reduce(0) { $0 + base[row, $1] * base[row, $1] }.squareRoot()
        return base[row, column] * Double(inputs[0].values[row]) / norm
      }),
    Case(
      name: "lengths of some rows", inputs: [[2]],
      step: { .normalise(UpdateStep.Normalisation($0[0], along: .rows, rows: 3..<5)) },
      expected: { base, inputs, row, column in
        guard row == 3 || row == 4 else { return base[row, column] }
        let norm = (0..<8).reduce(0) { $0 + base[row, $1] * base[row, $1] }.squareRoot()
        return base[row, column] * Double(inputs[0].values[row - 3]) / norm
      }),
    Case(
      name: "lengths of rows with an epsilon", inputs: [[6]],
      step: { .normalise(UpdateStep.Normalisation($0[0], along: .rows, epsilon: 0.5)) },
      expected: { base, inputs, row, column in
        let norm = (0..<8).reduce(0) { $0 + base[row, $1] * base[row, $1] }.squareRoot()
        return base[row, column] * Double(inputs[0].values[row]) / (norm + 0.5)
      }),
    Case(
      name: "lengths of inputs", inputs: [[2]],
      step: { .normalise(UpdateStep.Normalisation($0[0], along: .columns(width: 4))) },
      expected: { base, inputs, row, column in
        let input = column / 4
        var squares = 0.0
        for row in 0..<6 {
          for place in input * 4..<input * 4 + 4 { squares += base[row, place] * base[row, place] }
        }
        return base[row, column] * Double(inputs[0].values[input]) / squares.squareRoot()
      }),
    Case(
      name: "rows multiplied", inputs: [[6]],
      step: { .multiply(by: $0[0], along: .rows) },
      expected: { $0[$2, $3] * Double($1[0].values[$2]) }),
    Case(
      name: "inputs multiplied", inputs: [[2]],
      step: { .multiply(by: $0[0], along: .columns(width: 4)) },
      expected: { $0[$2, $3] * Double($1[0].values[$3 / 4]) }),
    // The last of two for one row counts.
    Case(
      name: "rows replaced", inputs: [[3, 8]],
      step: { .replaceRows([4, 1, 4], with: $0[0]) },
      expected: {
        [4: 2, 1: 1][$2].map { [inputs = $1, column = $3] in inputs[0][$0, column] }
          ?? $0[$2, $3]
      }),
    Case(
      name: "turned by five terms", inputs: [[2, 6]],
      step: { turn(AdapterRotation(triangle: $0[0], isOfEmbedding: false), .neumann(terms: 5)) },
      expected: { base, inputs, row, column in
        let matrix = neumann(skew(inputs[0], column / 4), terms: 5)
        return (0..<4).reduce(0) { $0 + matrix[column % 4][$1] * base[row, column / 4 * 4 + $1] }
      }),
    Case(
      name: "turned by three terms, the other way, all alike", inputs: [[1, 6]],
      step: { turn(AdapterRotation(triangle: $0[0], isOfEmbedding: true), .neumann(terms: 3)) },
      expected: { base, inputs, row, column in
        let matrix = neumann(skew(inputs[0], 0), terms: 3)
        return (0..<4).reduce(0) { $0 + base[row, column / 4 * 4 + $1] * matrix[$1][column % 4] }
      }),
    Case(
      name: "turned by angles", inputs: [[1, 4, 2, 2]],
      step: { turn(AdapterRotation(square: $0[0]), .cayley) },
      expected: { base, inputs, row, column in
        let numbers = inputs[0].values[column / 2 * 4..<column / 2 * 4 + 4].map(Double.init)
        let tangent = (numbers[1] - numbers[2]) / 2
        let (cosine, sine) = (1 - tangent * tangent, (column % 2 == 0 ? -2 : 2) * tangent)
        return (cosine * base[row, column] + sine * base[row, column ^ 1]) / (1 + tangent * tangent)
      }),
    Case(
      name: "turned by no more than a bound", inputs: [[4, 1]],
      step: {
        turn(AdapterRotation(triangle: $0[0], isOfEmbedding: false), .neumann(terms: 2), bound: 0.5)
      },
      expected: { base, inputs, row, column in
        // Four matrices share the bound, and each number is in its matrix twice.
        let limit = 0.25 / 2.0.squareRoot()
        let angle = min(limit, max(-limit, inputs[0][column / 2, 0]))
        return base[row, column] + (column % 2 == 0 ? 2 : -2) * angle * base[row, column ^ 1]
      }),
    Case(name: "rounded", inputs: [], step: { _ in .round }, expected: { $0[$2, $3] }),
  ]

  @Test(arguments: cases)
  func `a step does what plain loops in double precision do`(row: Case) throws {
    let seed = UInt64.random(in: 0 ..< .max)
    var generator = SeededGenerator(seed: seed)
    let base = TestTensor(Self.shape, using: &generator)
    let inputs = row.inputs.map { TestTensor($0, using: &generator) }
    let directory = TemporaryDirectory()
    try directory.write(["w": base], to: "base.safetensors")
    var records: [TensorRecord] = []
    for (index, input) in inputs.enumerated() {
      try directory.write(["\(index)": input], to: "\(index).safetensors")
      records += try Checkpoint.open(directory.path("\(index).safetensors")).records
    }
    let checkpoint = try Checkpoint.open(directory.path("base.safetensors"))
    let step = UpdateStep(row.step(records), adapter: "mine")
    try step.check(rowCount: 6, columnCount: 8)
    for threads in [1, 3] {
      let found = try run(
        TensorUpdate(checkpoint.records[0], steps: [step]), of: checkpoint, threads: threads)
      for index in 0..<48 {
        let expected = row.expected(base, inputs, index / 8, index % 8)
        #expect(
          abs(Double(found[index]) - expected) <= 2e-6 * max(1, abs(expected)),
          "seed \(seed), element \(index): \(found[index]), not \(expected)")
      }
    }
  }

  /// The values after an update.
  private func run(_ update: TensorUpdate, of base: Checkpoint, threads: Int) throws -> [Float] {
    let plan = try PlanBuilder(base: base, options: OutputOptions(isSingleFile: true))
      .plan(updates: [ExactName("w"): update], findings: [])
    let written = try MergeTests.run(plan, threads: threads)
    return try floats("w", of: written.output)
  }

  @Test func `a result that is not finite stops the merge, with its place and its value`() throws {
    let directory = TemporaryDirectory()
    var values = [Float](repeating: 1, count: 48)
    values[3] = .infinity  // the base's own does not stop it
    try directory.write(["w": TestTensor(Self.shape, values)], to: "base.safetensors")
    values[3] = 0
    values[21] = .nan
    try directory.write(["d": TestTensor(Self.shape, values)], to: "d.safetensors")
    let base = try Checkpoint.open(directory.path("base.safetensors"))
    let difference = try Checkpoint.open(directory.path("d.safetensors")).records[0]
    let update = TensorUpdate(
      base.records[0],
      steps: [UpdateStep(.add(Delta(.full(Factor(difference)), scale: 1)), adapter: "mine")])
    let error = #expect(throws: CheckpointError.self) {
      try run(update, of: base, threads: 1)
    }
    #expect(
      error?.message
        == "the result at [2, 1, 1] is nan, where the base has 1.0; expected a finite number")
    #expect(error?.tensor == "w")
    #expect(error?.fix == "look for the cause with: tenon check mine --values")
  }

  // Steps that do not fit

  struct Misfit: CustomTestStringConvertible, Sendable {
    let action: UpdateStep.Action
    let tensor: String
    let message: String
    var testDescription: String { message }
  }

  private static func input(_ name: String, _ shape: [Int]) -> TensorRecord {
    tensor(name, .f32, shape)
  }

  static let misfits = [
    Misfit(
      action: .add(
        Delta(.lowRank(b: Factor(input("b", [5, 3])), a: Factor(input("a", [3, 8]))), scale: 1)),
      tensor: "b",
      message: "has shape [5, 3], which with a [3, 8] makes no matrix of 6 rows and 8 columns"),
    Misfit(
      action: .add(
        Delta(.lowRank(b: Factor(input("b", [6, 2])), a: Factor(input("a", [3, 8]))), scale: 1)),
      tensor: "b",
      message: "has shape [6, 2], which with a [3, 8] makes no matrix of 6 rows and 8 columns"),
    Misfit(
      action: .add(
        Delta(
          .kronecker(
            .whole(Factor(input("v", [2, 2]))), .whole(Factor(input("w", [3, 3])))), scale: 1)),
      tensor: "v",
      message: "has shape [2, 2], which with w [3, 3] makes no matrix of 6 rows and 8 columns"),
    Misfit(
      action: .add(
        Delta(
          .lowRank(
            b: Factor(input("b", [6, 3])),
            a: Factor(input("a", [2, 2]), core: input("t", [3, 5, 4]))), scale: 1)),
      tensor: "t", message: "has shape [3, 5, 4]; expected 2 as its second axis"),
    Misfit(
      action: .add(Delta(.full(Factor(input("d", [6, 7]))), scale: 1)), tensor: "d",
      message: "has shape [6, 7]; expected 48 numbers"),
    Misfit(
      action: .normalise(UpdateStep.Normalisation(input("m", [8]), along: .rows)), tensor: "m",
      message: "has shape [8]; expected 6 numbers"),
    Misfit(
      action: .multiply(by: input("l", [3]), along: .columns(width: 4)), tensor: "l",
      message: "has shape [3]; expected 2 numbers"),
    Misfit(
      action: turn(
        AdapterRotation(triangle: input("r", [2, 3]), isOfEmbedding: false), .cayley), tensor: "r",
      message: "has shape [2, 3], which turns parts of 3 columns; the weight has 8"),
    Misfit(
      action: .replaceRows([0, 1], with: input("rows", [3, 8])), tensor: "rows",
      message: "has shape [3, 8]; expected 16 numbers"),
  ]

  @Test(arguments: misfits)
  func `a step that does not fit is refused before anything is read`(row: Misfit) {
    let error = #expect(throws: CheckpointError.self) {
      try UpdateStep(row.action, adapter: "mine").check(rowCount: 6, columnCount: 8)
    }
    #expect(error?.message == row.message)
    #expect(error?.tensor == row.tensor)
  }
}
