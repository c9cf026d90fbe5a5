import Formats
import Trial

/// Any bytes as a PyTorch file: a zip archive, a legacy stream or a tar archive.
@c(LLVMFuzzerTestOneInput)
public func fuzzZip(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  // The pointer is libFuzzer's, and valid for as many bytes as it says.
  let bytes = unsafe Trial.bytes(start, count)
  Trial.run(bytes) { file throws(CheckpointError) in
    let contents = try PyTorchReader.read(file)
    _ = try PyTorchReader.checksumFindings(file)
    return contents
  }
  return 0
}
