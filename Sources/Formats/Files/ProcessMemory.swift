import CLinux

/// How this process holds its memory.
public enum ProcessMemory {
  /// What is large goes back to the system when it is freed.
  ///
  /// The allocator of Glibc raises its limit for that to the largest that was freed, and
  /// keeps later ones; the factors of one tensor after the other then stay side by side, in
  /// the arena of every thread.
  public static func returnWhenFreed() { linux_return_memory(1 << 20) }
}
