// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
  internal import Glibc
#endif

/// The memory allocator of the process.
enum Allocator {
  /// Has glibc keep some megabytes of freed memory in each thread.
  ///
  /// Buffers of 64 KiB and more come and go with each piece of a body. By default glibc gives such memory back to the
  /// system at once, and each use begins with page faults: that was a third of what a body cost.
  static func keepFreedMemory() {
    #if canImport(Glibc)
      // Its header is not in the module of the C library.
      guard let symbol = dlsym(nil, "mallopt") else { return }
      let mallopt = unsafeBitCast(symbol, to: (@convention(c) (Int32, Int32) -> Int32).self)
      _ = mallopt(trimThreshold, keptBytes)
      _ = mallopt(mapThreshold, largestKept)
    #endif
  }

  /// Some of the largest messages that Envoy sends of a connection, 1 MiB each, on their way through.
  private static let keptBytes: Int32 = 32 * 1_024 * 1_024
  /// Blocks of this size and more are never kept.
  private static let largestKept: Int32 = 4 * 1_024 * 1_024
  // M_TRIM_THRESHOLD and M_MMAP_THRESHOLD.
  private static let trimThreshold: Int32 = -1
  private static let mapThreshold: Int32 = -3
}
