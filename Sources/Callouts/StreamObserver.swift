// SPDX-License-Identifier: Apache-2.0

/// Is told what hooks do, on the event loop of their stream.
package protocol StreamObserver: AnyObject {
  /// Hooks have nothing to do until the proxy sends something, or the stream is over.
  func hooksAreQuiet()
  /// The stream is over, and no hook is at work any more.
  func streamEnded(_ ending: StreamEnding)
}
