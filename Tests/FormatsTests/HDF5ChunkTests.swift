import Compute
import TestSupport
import Testing

@testable import Formats

/// How tensors are cut into blocks and what becomes of these.
@Suite struct HDF5ChunkTests {
  static let grids: [(shape: [Int], width: Int, chunk: [Int]?)] = [
    ([], 4, nil), ([3], 4, nil), ([4095], 4, nil), ([4096], 4, [4096]),
    ([1 << 20], 4, [1 << 18]), ([1500, 1024], 2, [512, 1024]),
    ([3, 700, 300], 4, [1, 700, 300]), ([2, 3, 1 << 20], 1, [1, 1, 1 << 20]),
    ([2, 3, 1 << 19], 8, [1, 1, 1 << 17]), ([1, 1, 5000], 8, [1, 1, 5000]),
  ]

  @Test(arguments: grids) func `blocks hold about a mebibyte`(
    _ row: (shape: [Int], width: Int, chunk: [Int]?)
  ) {
    #expect(ChunkGrid(shape: row.shape, width: row.width)?.chunkShape == row.chunk)
  }

  @Test(arguments: grids) func `blocks cover every byte once, in order`(
    _ row: (shape: [Int], width: Int, chunk: [Int]?)
  ) {
    guard let grid = ChunkGrid(shape: row.shape, width: row.width) else { return }
    var end = 0
    for chunk in 0..<grid.count {
      let range = grid.range(of: chunk)
      #expect(range.lowerBound == end)
      #expect(grid.chunk(holding: range.lowerBound) == chunk)
      #expect(grid.chunk(holding: range.upperBound - 1) == chunk)
      // The place of the block as an index gives the same first byte.
      let index = zip(row.shape, grid.place(of: chunk)).reduce(0) { $0 * $1.0 + $1.1 }
      #expect(index * row.width == range.lowerBound)
      end = range.upperBound
    }
    #expect(end == grid.byteCount)
  }

  static let compressions: [ChunkCompression] = [.deflate(level: 1), .zstandard(level: 3)]

  @Test(arguments: compressions) func `a block comes back`(_ compression: ChunkCompression) throws {
    for width in [1, 2, 8] {
      let block = (0..<4096).map { UInt8(truncatingIfNeeded: $0 / 7) }
      let encoded = try compression.encode(block, width: width)
      #expect(encoded.mask == 0)
      #expect(encoded.bytes.count < block.count)
      var bytes = encoded.bytes
      for filter in compression.filters(width: width).reversed() {
        bytes = try ChunkFilter(
          filter.identifier, name: filter.name, values: filter.values, width: width
        ).decode(bytes, to: .exactly(block.count), from: "x.h5")
      }
      #expect(bytes == block)
    }
  }

  @Test(arguments: compressions) func `a block that would grow stays as it is`(
    _ compression: ChunkCompression
  ) throws {
    var generator = SeededGenerator(seed: 1)
    let block = (0..<4096).map { _ in UInt8.random(in: 0 ... .max, using: &generator) }
    let bytes = try compression.encode(block, width: 1)
    #expect(bytes.bytes == block)
    #expect(bytes.mask == 1)
    let words = try compression.encode(block, width: 4)
    #expect(words.bytes == ByteShuffle.shuffled(block, width: 4))
    #expect(words.mask == 2)
  }

  static let damages: [(filter: ChunkFilter, bytes: [UInt8], text: String)] = [
    (.deflate, [1, 2, 3], "the deflate data of a chunk is damaged; expected 4 bytes"),
    (
      .deflate, [0x78, 0x9C, 0x63, 0x64, 0x62, 0x06, 0x00, 0x00, 0x0D, 0x00, 0x07],
      "the deflate data of a chunk gives 3 bytes; expected 4 bytes"
    ),
    (.zstandard, [1, 2, 3], "the Zstandard data of a chunk is damaged; expected 4 bytes"),
    (.fletcher32, [1, 2], "a chunk of 2 bytes has no room for its checksum"),
    (
      .fletcher32, [1, 2, 3, 4, 0, 0, 0, 0],
      "the checksum of a chunk is 5080406, but 0 is stated; its bytes were damaged"
    ),
  ]

  @Test(arguments: damages) func `a damaged block is told`(
    _ damage: (filter: ChunkFilter, bytes: [UInt8], text: String)
  ) {
    let error = #expect(throws: CheckpointError.self) {
      _ = try damage.filter.decode(damage.bytes, to: .exactly(4), from: "x.h5")
    }
    #expect(error?.message == damage.text)
  }

  /// Filters that are not undone, with what is said of them: the name, the message behind
  /// it, and how the advice begins.
  static let foreign: [(identifier: UInt32, name: String, message: String, fix: String)] = [
    (
      32000, "lzf", #""lzf", which tenon does not decode; h5py for Python does"#,
      "python -c 'import sys, shutil, numpy, h5py; open("
    ),
    (
      32008, "bitshuffle; see https://example.org",
      #""bitshuffle", which tenon does not decode; h5py with hdf5plugin for Python does"#,
      "python -c 'import sys, shutil, numpy, h5py, hdf5plugin; open("
    ),
    (
      4711, "own", #""own", which tenon does not decode"#,
      "have the program that wrote the file write it without this filter"
    ),
    (
      4711, "", #""filter 4711", which tenon does not decode"#,
      "have the program that wrote the file write it without this filter"
    ),
  ]

  @Test(arguments: foreign) func `a filter that is not known is told, and what knows it`(
    _ row: (identifier: UInt32, name: String, message: String, fix: String)
  ) {
    let filter = ChunkFilter(row.identifier, name: row.name, values: [], width: 4)
    let error = #expect(throws: CheckpointError.self) {
      _ = try filter.decode([1], to: .exactly(4), from: "in it/a b.h5")
    }
    #expect(error?.message == "a chunk is encoded by \(row.message)")
    let fix = error?.fix ?? ""
    #expect(fix.hasPrefix(row.fix))
    if isCommand(fix) { #expect(fix.hasSuffix(" 'in it/a b.h5' 'in it/a b'-unpacked.h5")) }
  }

  @Test func `what a compression left may be of any size up to a bound`() throws {
    let size = ChunkFilter.zstandard.size(after: .exactly(100))
    #expect(size == ChunkFilter.Size(maximum: 65_648, isExact: false))
    let inner = try ChunkCodec.deflated([UInt8](repeating: 7, count: 111), level: 1)
    #expect(try ChunkFilter.deflate.decode(inner, to: size, from: "x.h5").count == 111)
    let bomb = try ChunkCodec.deflated([UInt8](repeating: 7, count: 65_649), level: 1)
    let error = #expect(throws: CheckpointError.self) {
      _ = try ChunkFilter.deflate.decode(bomb, to: size, from: "x.h5")
    }
    #expect(
      error?.message == "the deflate data of a chunk is damaged; expected at most 65648 bytes")
    // However many there are, nothing overflows.
    let many = (0..<255).reduce(ChunkFilter.Size.exactly(1 << 32)) { size, _ in
      ChunkFilter.deflate.size(after: size)
    }
    #expect(many.maximum < 1 << 42)
  }

  @Test func `shuffling leaves what is no whole element`() {
    let bytes: [UInt8] = [1, 2, 3, 4, 5, 6, 7]
    #expect(ByteShuffle.shuffled(bytes, width: 3) == [1, 4, 2, 5, 3, 6, 7])
    #expect(ByteShuffle.unshuffled([1, 4, 2, 5, 3, 6, 7], width: 3) == bytes)
    #expect(ByteShuffle.shuffled(bytes, width: 1) == bytes)
  }
}
