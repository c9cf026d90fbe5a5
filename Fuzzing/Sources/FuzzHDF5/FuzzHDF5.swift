import Formats
import Trial

/// Any bytes as the helper's answer about an HDF5 file, which is as hostile as the file.
@c(LLVMFuzzerTestOneInput)
public func fuzzHDF5(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  // The pointer is libFuzzer's, and valid for as many bytes as it says.
  let answer = unsafe Trial.bytes(start, count)
  // What the answer says is looked for in data that is the same each time.
  let data = (0..<1 << 14).map { UInt8(truncatingIfNeeded: $0 &* 37) }
  Trial.run(data) { file throws(CheckpointError) in
    try HDF5Reader.read(file, answer: answer)
  }
  return 0
}
