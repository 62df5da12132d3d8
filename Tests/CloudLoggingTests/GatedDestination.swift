// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import CloudLogging
import NIOConcurrencyHelpers

/// Takes a batch when a test says so.
final class GatedDestination: CloudLogDestination {
  private let taken = NIOLockedValueBox<[[JSONValue]]>([])
  private let arrivals: AsyncStream<Void>
  private let arrival: AsyncStream<Void>.Continuation
  private let permits: AsyncStream<Void>
  private let permit: AsyncStream<Void>.Continuation

  init() {
    (arrivals, arrival) = AsyncStream.makeStream()
    (permits, permit) = AsyncStream.makeStream()
  }

  /// The batches that were taken, as their entries' messages.
  var batches: [[String]] { taken.withLockedValue { $0.map { $0.compactMap(\.message) } } }
  var entries: [JSONValue] { taken.withLockedValue { $0.flatMap { $0 } } }

  /// Waits until a batch is at the gate.
  func awaitBatch() async { _ = await arrivals.first { _ in true } }

  /// Lets everything through from now on.
  func open() { permit.finish() }

  func encode(_ entry: CloudLogEntry) -> [UInt8] { entry.apiJSON.serialized() }

  func send(_ batch: [[UInt8]]) async -> CloudLogDelivery {
    arrival.yield()
    _ = await permits.first { _ in true }
    guard !Task.isCancelled else { return .failed("the gate is shut") }
    taken.withLockedValue { $0.append(batch.compactMap { try? JSONValue(parsing: $0) }) }
    return .arrived
  }
}
