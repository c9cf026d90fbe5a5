import Formats
import Trial

/// Any bytes as a safetensors file.
@c(LLVMFuzzerTestOneInput)
public func fuzzSafetensors(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  // The pointer is libFuzzer's, and valid for as many bytes as it says.
  let bytes = unsafe Trial.bytes(start, count)
  Trial.run(bytes) { file throws(CheckpointError) in try SafetensorsReader.read(file) }
  return 0
}
