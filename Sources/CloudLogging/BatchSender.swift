// SPDX-License-Identifier: Apache-2.0

/// Sends what is queued, batch by batch, until there is no more or its task is cancelled.
struct BatchSender: Sendable {
  let queue: CloudLogQueue
  let destination: any CloudLogDestination
  let limits: CloudLogLimits
  let losses: CloudLogLosses
  let sleep: @Sendable (Duration) async throws -> Void

  func run() async {
    while let batch = await queue.next() {
      do {
        try await send(batch)
      } catch {
        return losses.add(batch.count + queue.close(), because: "no time is left to send them: \(error.reason)")
      }
    }
  }

  /// The time was over before a batch had arrived.
  private struct OutOfTime: Error {
    let reason: String
  }

  private func send(_ batch: [[UInt8]]) async throws(OutOfTime) {
    var backoff = limits.firstBackoff
    while true {
      switch await destination.send(batch) {
      case .arrived: return losses.end()
      case .refused(let reason): return losses.add(batch.count, because: reason)
      case .failed(let reason):
        if !Task.isCancelled { losses.tellRetry(because: reason) }
        // Part of the wait is chance, lest all servers come back at once.
        guard (try? await sleep(backoff * Double.random(in: 0.5...1))) != nil else { throw OutOfTime(reason: reason) }
        backoff = min(backoff * 2, limits.longestBackoff)
      }
    }
  }
}
