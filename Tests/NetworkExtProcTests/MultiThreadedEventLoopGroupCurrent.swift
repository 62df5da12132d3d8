// SPDX-License-Identifier: Apache-2.0
import NIOPosix

/// Whether the code that asks runs on an event loop.
enum MultiThreadedEventLoopGroupCurrent {
  static var isOnLoop: Bool { MultiThreadedEventLoopGroup.currentEventLoop != nil }
}
