import Formats
import Glibc
import Testing

/// Calls `body` with a file of these bytes, and removes it afterwards.
func withFile<Result>(
  holding bytes: [UInt8], _ body: (InputFile) throws -> Result
) throws -> Result {
  var template = Array("/tmp/tenon-test-XXXXXX".utf8CString)
  let descriptor = unsafe mkstemp(&template)
  #expect(descriptor >= 0)
  let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  defer { _ = unsafe unlink(path) }
  var done = 0
  while done < bytes.count {
    let count = unsafe bytes[done...].withUnsafeBytes {
      unsafe write(descriptor, $0.baseAddress, $0.count)
    }
    guard count > 0 else { break }
    done += count
  }
  close(descriptor)
  return try body(InputFile(path: path))
}
