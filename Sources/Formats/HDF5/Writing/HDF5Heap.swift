/// The heaps on which strings of any length lie, which is how h5py knows text from bytes.
struct HDF5Heap {
  /// Objects are numbered with 16 bits; heaps of this many are large enough.
  private static let capacity = 1024
  /// A heap is never smaller.
  private static let minimumByteCount = 4096

  private let address: Int
  private var full = HDF5Bytes()
  private var open = HDF5Bytes()
  private var used = 0

  init(address: Int) { self.address = address }

  /// Adds a text and returns what stands for it in an attribute.
  mutating func add(_ text: String) -> [UInt8] {
    if used == Self.capacity { close() }
    used += 1
    let text = Array(text.utf8)
    open.integer(UInt16(used))
    open.integer(UInt16(1))
    open.zeros(4)
    open.address(text.count)
    open.append(text)
    open.pad()
    var reference = HDF5Bytes()
    reference.integer(UInt32(text.count))
    reference.address(address + full.count)
    reference.integer(UInt32(used))
    return reference.bytes
  }

  /// Ends the heap that is being filled.
  private mutating func close() {
    guard used > 0 else { return }
    let head = 16
    // What is left over is an object of its own, with the number 0.
    let byteCount = max(Self.minimumByteCount, head + open.count + 16)
    full.append(Array("GCOL".utf8) + [1, 0, 0, 0])
    full.address(byteCount)
    full.append(open.bytes)
    let rest = byteCount - head - open.count
    full.zeros(8)
    full.address(rest)
    full.zeros(rest - 16)
    open = HDF5Bytes()
    used = 0
  }

  /// The bytes of all heaps.
  mutating func finish() -> [UInt8] {
    close()
    return full.bytes
  }
}
