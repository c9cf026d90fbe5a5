import Testing

@testable import Formats

@Suite struct PyTorchWriterZipTests {
  static let limit = 0xFFFF_FFFF

  @Test func `an entry below four gigabytes needs no wide fields`() throws {
    let zip = try ZipLayout([entry("a", Self.limit - 1)])
    let local = try #require(zip.fixed.first?.bytes)
    #expect(local[4..<6].elementsEqual([20, 0]))
    #expect(number(local, 18, 4) == Self.limit - 1)
    #expect(number(local, 22, 4) == Self.limit - 1)
    // Only the padding: its tag comes first.
    #expect(local[31..<33].elementsEqual("FB".utf8))
  }

  @Test func `an entry of four gigabytes has its sizes in wide fields`() throws {
    let zip = try ZipLayout([entry("a", Self.limit)])
    let local = zip.fixed[0].bytes
    #expect(local[4..<6].elementsEqual([45, 0]))
    #expect(number(local, 18, 4) == Self.limit)
    #expect(number(local, 22, 4) == Self.limit)
    #expect((number(local, 31, 2), number(local, 33, 2)) == (1, 16))
    #expect((number(local, 35, 8), number(local, 43, 8)) == (Self.limit, Self.limit))
    #expect(zip.places[0].data % 64 == 0)
    let central = zip.fixed[1].bytes
    #expect(central[6..<8].elementsEqual([45, 0]))
    #expect(number(central, 20, 4) == Self.limit)
    // The offset is small, so that it is not in the wide field.
    #expect((number(central, 47, 2), number(central, 49, 2)) == (1, 16))
    #expect(number(central, 42, 4) == 0)
  }

  @Test func `an entry behind four gigabytes has its offset in a wide field`() throws {
    let zip = try ZipLayout([entry("a", Self.limit + 5), entry("b", 3)])
    let central = zip.fixed[2].bytes
    let second = 46 + 1 + 20
    #expect(number(central, second, 4) == 0x0201_4B50)
    #expect(number(central, second + 24, 4) == 3)
    #expect(number(central, second + 42, 4) == Self.limit)
    #expect((number(central, second + 47, 2), number(central, second + 49, 2)) == (1, 8))
    #expect(number(central, second + 51, 8) == zip.places[1].header)
    // The local header needs no offset.
    #expect(zip.fixed[1].bytes[4..<6].elementsEqual([20, 0]))
    #expect(zip.places[1].data % 64 == 0)
  }

  @Test func `a directory behind four gigabytes is found by a wide end`() throws {
    let zip = try ZipLayout([entry("a", Self.limit)])
    let (start, bytes) = (zip.fixed[1].offset, zip.fixed[1].bytes)
    let size = 46 + 1 + 20
    #expect(zip.byteCount == start + bytes.count)
    #expect(bytes.count == size + 56 + 20 + 22)
    #expect(number(bytes, size, 4) == 0x0606_4B50)
    #expect(number(bytes, size + 4, 8) == 44)
    #expect((24...32).step(8).map { number(bytes, size + $0, 8) } == [1, 1])
    #expect((40...48).step(8).map { number(bytes, size + $0, 8) } == [size, start])
    let locator = size + 56
    #expect(number(bytes, locator, 4) == 0x0706_4B50)
    #expect(number(bytes, locator + 8, 8) == start + size)
    #expect(number(bytes, locator + 16, 4) == 1)
    let end = locator + 20
    #expect(number(bytes, end, 4) == 0x0605_4B50)
    #expect((number(bytes, end + 12, 4), number(bytes, end + 16, 4)) == (size, Self.limit))
  }

  @Test(arguments: [65534, 65535]) func `from 65535 entries on the end is wide`(
    count: Int
  ) throws {
    let zip = try ZipLayout((0..<count).map { entry("\($0)", 0) })
    let bytes = try #require(zip.fixed.last?.bytes)
    let end = bytes.count - 22
    #expect(number(bytes, end + 10, 2) == count)
    #expect((number(bytes, end - 20, 4) == 0x0706_4B50) == (count == 65535))
  }

  @Test func `the places of checksums are those of the headers`() throws {
    let zip = try ZipLayout([entry("a", 5), entry("bc", 7)])
    let directory = zip.fixed[2].offset
    #expect(zip.places[0].checksums == [14, directory + 16])
    #expect(zip.places[1].checksums == [zip.places[1].header + 14, directory + 47 + 16])
  }

  @Test func `more bytes than can be counted are refused`() {
    let error = #expect(throws: CheckpointError.self) {
      try ZipLayout([entry("a", .max - 100), entry("b", 200)])
    }
    #expect(error?.description == "the tensors take more bytes than a file can hold")
  }

  private func entry(_ name: String, _ size: Int) -> ZipLayout.Entry {
    ZipLayout.Entry(name: name, contents: .later(size))
  }

  private func number(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> Int {
    bytes[offset..<offset + count].reversed().reduce(0) { $0 << 8 | Int($1) }
  }
}

extension ClosedRange<Int> {
  fileprivate func step(_ step: Int) -> [Int] {
    Array(stride(from: lowerBound, through: upperBound, by: step))
  }
}
