internal import CKernels

/// The filter that puts the bytes of equal weight of all elements side by side, so that
/// they compress better; what is left over at the end stays as it is.
public enum ByteShuffle {
  /// The shuffled bytes of elements of `width` bytes.
  public static func shuffled(_ bytes: [UInt8], width: Int) -> [UInt8] {
    rearranged(bytes, width: width, isBack: false)
  }

  /// The bytes as they were before.
  public static func unshuffled(_ bytes: [UInt8], width: Int) -> [UInt8] {
    rearranged(bytes, width: width, isBack: true)
  }

  private static func rearranged(_ bytes: [UInt8], width: Int, isBack: Bool) -> [UInt8] {
    guard width > 1, bytes.count >= 2 * width else { return bytes }
    let count = bytes.count / width
    // The kernels read and write `count` elements in both; both are that long.
    var result = unsafe [UInt8](unsafeUninitializedCapacity: bytes.count) { target, filled in
      unsafe bytes.withUnsafeBufferPointer { source in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        if isBack {
          unsafe kernel_unshuffle(from, to, count, width)
        } else {
          unsafe kernel_shuffle(from, to, count, width)
        }
      }
      filled = count * width
    }
    result += bytes[(count * width)...]
    return result
  }
}

extension Checksum {
  /// Fletcher's checksum as HDF5 computes it.
  public static func fletcher32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    // The kernel reads these bytes alone.
    unsafe bytes.withUnsafeBufferPointer { bytes in
      guard let address = bytes.baseAddress else { return 0 }
      return unsafe kernel_fletcher32(address, bytes.count)
    }
  }
}
