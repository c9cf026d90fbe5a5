import Compute
import Formats
import Inspect
import TestSupport
import Testing

@testable import Merge

@Suite struct CheckpointDiffTests {
  /// A tensor to be written: name, type, shape and bytes.
  typealias Given = (name: String, type: String, shape: [Int], bytes: [UInt8])

  private func open(_ tensors: [Given]) throws -> Checkpoint {
    let header = safetensorsHeader(
      tensors.map { ($0.name, $0.type, $0.shape, $0.bytes.count) })
    let directory = TemporaryDirectory()
    return try Checkpoint.open(
      directory.write(header + tensors.flatMap(\.bytes), to: "x.safetensors"))
  }

  private func floats(_ values: [Float]) -> [UInt8] {
    values.flatMap { value in
      (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
    }
  }

  private func run(
    _ a: [Given], _ b: [Given], _ change: (inout DifferenceOptions) -> Void = { _ in }
  ) throws -> CheckpointDifference {
    var options = DifferenceOptions()
    options.threads = 2
    change(&options)
    let pairing = CheckpointPairing(try open(a), try open(b))
    let diff = CheckpointDiff(pairing, options: options)
    return try diff.run(progress: Progress(total: diff.byteCount))
  }

  @Test func `measures the tensors that differ and counts the others`() throws {
    let difference = try run(
      [("a", "F32", [3], floats([1, 2, 3])), ("b", "F32", [2], floats([1, 2]))],
      [("a", "F32", [3], floats([1, 2, 4])), ("b", "F32", [2], floats([1, 2]))])
    #expect(!difference.isSame)
    #expect(difference.equal == 1)
    let only = try #require(difference.different.first)
    #expect(only.name == "a")
    #expect(only.reason == .values)
    #expect(only.values?.differing == 1)
    #expect(only.values?.comparison?.maximumAbsolute == 1)
    #expect(only.values?.comparison?.maximumRelative == 0.25)
  }

  @Test func `finds a type with the same values different by its type alone`() throws {
    let wide = floats([1, -2.5])
    let narrow: [UInt8] = [0x80, 0x3F, 0x20, 0xC0]
    let given: ([Given], [Given]) = ([("a", "F32", [2], wide)], [("a", "BF16", [2], narrow)])
    let difference = try run(given.0, given.1)
    #expect(difference.different.map(\.reason) == [.dtype])
    #expect(difference.different[0].values?.differing == 0)
    #expect(try run(given.0, given.1) { $0.ignoresTypes = true }.isSame)
  }

  @Test func `does not read values of other shapes or where nobody asked`() throws {
    let a: [Given] = [("a", "U8", [2, 1], [1, 2]), ("b", "U8", [1], [1])]
    let b: [Given] = [("a", "U8", [1, 2], [1, 2]), ("b", "U8", [1], [2])]
    #expect(try run(a, b).different.map(\.reason) == [.shape, .values])
    let headers = try run(a, b) { $0.isHeadersOnly = true }
    #expect(headers.different.map(\.reason) == [.shape])
    #expect(headers.different[0].values == nil)
  }

  @Test func `takes minus zero and zero as the same value`() throws {
    #expect(try run([("a", "F32", [1], floats([0]))], [("a", "F32", [1], floats([-0.0]))]).isSame)
  }

  @Test func `counts elements of types that are no numbers here`() throws {
    let difference = try run(
      [("a", "F4", [4], [0x12, 0x34])], [("a", "F4", [4], [0x13, 0x34])])
    #expect(difference.different[0].values?.differing == 1)
    #expect(difference.different[0].values?.comparison == nil)
  }

  @Test func `tells types that are no numbers alike and compares the others`() throws {
    let a: [Given] = [("c", "C64", [1], floats([1, 0])), ("f", "F32", [1], floats([1]))]
    let b: [Given] = [("c", "F32", [1], floats([1])), ("f", "F32", [1], floats([2]))]
    let difference = try run(a, b)
    #expect(difference.different.map { "\($0.name) \($0.reason)" } == ["c dtype", "f values"])
    #expect(difference.different[0].values == nil)
    // To overlook the types is to ask for the values.
    #expect(throws: CheckpointError.self) { try run(a, b) { $0.ignoresTypes = true } }
  }

  @Test func `names few of many places that hold the same`() throws {
    let tensors = (0..<200).map { number -> Given in ("t\(number)", "U8", [1], [7]) }
    let others = (200..<400).map { number -> Given in ("t\(number)", "U8", [1], [7]) }
    let difference = try run(tensors, others) { $0.findsMoved = true }
    #expect(difference.moved.count == 200 * 8)
  }

  @Test func `finds what moved, also between changed tensors`() throws {
    let difference = try run(
      [
        ("q", "U8", [2], [1, 2]), ("k", "U8", [2], [3, 4]), ("old", "U8", [3], [5, 6, 7]),
        ("other", "U8", [3], [9, 9, 9]), ("same", "U8", [2], [1, 2]),
      ],
      [
        ("q", "U8", [2], [3, 4]), ("k", "U8", [2], [1, 2]), ("new", "U8", [3], [5, 6, 7]),
        ("third", "U8", [3], [8, 9, 9]), ("same", "U8", [2], [1, 2]),
      ]
    ) { $0.findsMoved = true }
    #expect(
      difference.moved.map { "\($0.a) \($0.b)" } == ["old new", "q k", "k q"])
  }

  @Test(arguments: [1, 2, 5])
  func `gives the same numbers whatever the number of threads`(threads: Int) throws {
    let count = 3 * ValuePair.blockLength + 77
    let a = floats((0..<count).map { Float($0 % 1013) * 0.31 })
    let b = floats((0..<count).map { Float($0 % 1009) * 0.33 })
    let given: ([Given], [Given]) = ([("a", "F32", [count], a)], [("a", "F32", [count], b)])
    let one = try run(given.0, given.1) { $0.threads = 1 }
    let several = try run(given.0, given.1) { $0.threads = threads }
    #expect(one.different[0].values == several.different[0].values)
    #expect(one.different[0].values?.count == count)
  }

  @Test func `has nothing to say about tensors without elements`() throws {
    #expect(try run([("a", "F32", [0, 3], [])], [("a", "F32", [0, 3], [])]).isSame)
  }
}
