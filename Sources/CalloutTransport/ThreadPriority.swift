// SPDX-License-Identifier: Apache-2.0
package import NIOCore

#if canImport(Glibc)
  internal import Glibc
#endif

/// Which threads get the processor first.
package enum ThreadPriority {
  /// Has the event loops of a group give way to other threads of the process, such as those that callouts wait for.
  ///
  /// Only on Linux, where a thread has a nice value of its own (setpriority(2), "C library/kernel differences").
  package static func lower(_ group: any EventLoopGroup) {
    #if os(Linux)
      for loop in group.makeIterator() {
        // Of its own niceness a thread may have more without any privilege.
        loop.execute { _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, niceness) }
      }
    #endif
  }

  /// About a ninth of the processor where others want all of it, and as much as there is where they do not.
  private static let niceness: Int32 = 10
}
