import CZlib
import CZstd

/// The compressions of blocks, each of which is in memory as a whole.
enum ChunkCodec {
  /// Decodes data of zlib's format (RFC 1950), which has to give bytes of this size.
  static func inflated(_ bytes: [UInt8], to size: ChunkFilter.Size) throws(CheckpointError)
    -> [UInt8]
  {
    let count = size.maximum
    var produced = uLongf(count)
    var status: Int32 = 0
    // zlib writes no more than the count it is given.
    let result = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      status = unsafe uncompress(buffer.baseAddress, &produced, bytes, uLong(bytes.count))
      filled = status == Z_OK ? Int(produced) : 0
    }
    guard status == Z_OK, result.count == count || !size.isExact else {
      throw damage("deflate", status == Z_OK ? "gives \(result.count) bytes" : "is damaged", size)
    }
    return result
  }

  /// Decodes data of Zstandard's format (RFC 8878), which has to give bytes of this size.
  static func decompressed(_ bytes: [UInt8], to size: ChunkFilter.Size) throws(CheckpointError)
    -> [UInt8]
  {
    let count = size.maximum
    var code = 0
    // libzstd writes no more than the count it is given.
    let result = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      code = unsafe ZSTD_decompress(buffer.baseAddress, count, bytes, bytes.count)
      filled = ZSTD_isError(code) == 0 ? code : 0
    }
    guard ZSTD_isError(code) == 0, result.count == count || !size.isExact else {
      let isError = ZSTD_isError(code) != 0
      throw damage("Zstandard", isError ? "is damaged" : "gives \(result.count) bytes", size)
    }
    return result
  }

  private static func damage(_ format: String, _ what: String, _ size: ChunkFilter.Size)
    -> CheckpointError
  {
    CheckpointError(
      "the \(format) data of a chunk \(what); expected "
        + "\(size.isExact ? "" : "at most ")\(size.maximum) bytes")
  }
}

extension ChunkCodec {
  /// Encodes bytes in zlib's format.
  static func deflated(_ bytes: [UInt8], level: Int) throws(CheckpointError) -> [UInt8] {
    let bound = compressBound(uLong(bytes.count))
    var produced = uLongf(bound)
    var status: Int32 = 0
    // zlib writes no more than the bound that it gave.
    let result = unsafe [UInt8](unsafeUninitializedCapacity: Int(bound)) { buffer, filled in
      status = unsafe compress2(
        buffer.baseAddress, &produced, bytes, uLong(bytes.count), Int32(level))
      filled = status == Z_OK ? Int(produced) : 0
    }
    guard status == Z_OK else { throw CheckpointError("zlib cannot compress: no memory") }
    return result
  }

  /// Encodes bytes in Zstandard's format.
  static func compressed(_ bytes: [UInt8], level: Int) throws(CheckpointError) -> [UInt8] {
    let bound = ZSTD_compressBound(bytes.count)
    var code = 0
    // libzstd writes no more than the bound that it gave.
    let result = unsafe [UInt8](unsafeUninitializedCapacity: bound) { buffer, filled in
      code = unsafe ZSTD_compress(buffer.baseAddress, bound, bytes, bytes.count, Int32(level))
      filled = ZSTD_isError(code) == 0 ? code : 0
    }
    guard ZSTD_isError(code) == 0 else {
      throw CheckpointError("libzstd cannot compress: no memory")
    }
    return result
  }
}
