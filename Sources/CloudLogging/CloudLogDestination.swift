// SPDX-License-Identifier: Apache-2.0

/// Where entries go. Asked by one task at a time to send, by any thread to encode.
package protocol CloudLogDestination: Sendable {
  /// The entry in the form that `send` takes.
  func encode(_ entry: CloudLogEntry) -> [UInt8]
  /// Sends entries, in order, and returns when they have arrived or will not; promptly in a task that is cancelled.
  func send(_ batch: [[UInt8]]) async -> CloudLogDelivery
}

/// What became of a batch.
package enum CloudLogDelivery: Sendable {
  case arrived
  /// It did not arrive now, but may another time.
  case failed(String)
  /// It will not be taken however often it is sent.
  case refused(String)
}
