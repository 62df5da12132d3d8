// SPDX-License-Identifier: Apache-2.0
internal import CalloutJSON
public import Logging

/// Takes log entries to Cloud Logging in the background: what logs never waits.
///
///     let exporter = CloudLogExporter.standardOutput()
///     let logger = Logger(label: "callouts") { exporter.handler(label: $0) }
///     ...
///     await exporter.finish()
///
/// Entries wait in a bounded queue and go in batches, in order. Those that find no room are dropped, and once there is
/// room again an entry of severity WARNING tells how many. What fails for now is tried again, with the same insertIds,
/// so that nothing is logged twice; what is lost for good is said to `diagnostics`. Whoever makes an exporter finishes
/// it: entries that are queued when the program ends are lost otherwise. Safe to use from any thread.
public final class CloudLogExporter: Sendable {
  private let queue: CloudLogQueue
  private let destination: any CloudLogDestination
  private let losses: CloudLogLosses
  private let insertIDs = InsertIDs()
  private let worker: Task<Void, Never>

  /// - Parameter sleep: how time passes between attempts, and until a batch goes that is not full.
  package init(
    to destination: any CloudLogDestination, limits: CloudLogLimits, diagnostics: Logger,
    sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
  ) {
    let insertIDs = insertIDs
    queue = CloudLogQueue(limits, sleep: sleep) { count in
      destination.encode(.dropped(count, insertID: insertIDs.next()))
    }
    self.destination = destination
    losses = CloudLogLosses(diagnostics)
    let sender = BatchSender(queue: queue, destination: destination, limits: limits, losses: losses, sleep: sleep)
    worker = Task { await sender.run() }
  }

  /// Makes the backend of a `Logger`.
  public func handler(
    label: String, metadataProvider: Logger.MetadataProvider? = LoggingSystem.metadataProvider
  ) -> CloudLogHandler {
    CloudLogHandler(label: label, exporter: self, metadataProvider: metadataProvider)
  }

  /// Sends everything that is queued and returns when it has arrived; entries that are logged later are lost.
  ///
  /// - Parameter time: how long that may take; what has not arrived by then is lost, which is said.
  public func finish(within time: Duration = .seconds(10)) async {
    queue.finish()
    let worker = worker
    let timeout = Task {
      try await Task.sleep(for: time)
      worker.cancel()
    }
    await worker.value
    timeout.cancel()
    losses.tellRest()
  }

  func write(_ event: LogEvent, label: String, metadata: Logger.Metadata) {
    let entry = CloudLogEntry(event, label: label, metadata: metadata, insertID: insertIDs.next())
    if !queue.append(destination.encode(entry)) { losses.add(1, because: "they were logged after the end") }
  }
}

/// How much an exporter holds, and when it sends.
public struct CloudLogLimits: Sendable {
  /// The most entries to a batch; the API takes requests of 10 MB.
  public var batchEntries = 1_000
  /// The most bytes to a batch, unless one entry alone has more.
  public var batchBytes = 256 * 1024
  /// How long an entry waits for others to fill the batch.
  public var batchDelay = Duration.seconds(1)
  /// The most entries that wait.
  public var queuedEntries = 10_000
  /// The most bytes that wait.
  public var queuedBytes = 8 * 1024 * 1024
  /// How long the second attempt waits after the first; each further one waits twice as long as the one before.
  public var firstBackoff = Duration.milliseconds(500)
  /// The longest wait between two attempts.
  public var longestBackoff = Duration.seconds(30)

  public init() {}
}
