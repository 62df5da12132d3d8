// SPDX-License-Identifier: Apache-2.0
internal import NIOConcurrencyHelpers
internal import NIOCore

/// Entries that wait to be sent, in order and within bounds; those that find no room are counted.
///
/// Any thread appends, one task takes.
final class CloudLogQueue: Sendable {
  private let limits: CloudLogLimits
  private let state = NIOLockedValueBox(State())
  private let sleep: @Sendable (Duration) async throws -> Void
  /// Makes the entry that tells of dropped ones.
  private let encodeDropped: @Sendable (Int) -> [UInt8]
  /// Something may have become due.
  private let wakes: AsyncStream<Void>
  private let wake: AsyncStream<Void>.Continuation

  private struct State {
    var entries = CircularBuffer<[UInt8]>()
    var bytes = 0
    var dropped = 0
    /// What waits goes at once, even if it fills no batch.
    var isDue = false
    var isFinishing = false
    var isOver = false
  }

  private enum Added {
    case first, behindOthers, due, over
  }

  private enum Next {
    case batch([[UInt8]])
    case wait
    case end
  }

  init(
    _ limits: CloudLogLimits, sleep: @escaping @Sendable (Duration) async throws -> Void,
    encodeDropped: @escaping @Sendable (Int) -> [UInt8]
  ) {
    self.limits = limits
    self.sleep = sleep
    self.encodeDropped = encodeDropped
    (wakes, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Takes an entry where there is room; returns false where nobody will send it any more. Never waits.
  func append(_ entry: [UInt8]) -> Bool {
    switch state.withLockedValue({ add(entry, to: &$0) }) {
    case .over: return false
    case .due: wake.yield()
    case .first:
      Task {
        try? await sleep(limits.batchDelay)
        flush()
      }
    case .behindOthers: break
    }
    return true
  }

  /// Has everything sent that waits, and what comes meanwhile; there is an end then.
  func finish() {
    state.withLockedValue { $0.isFinishing = true }
    wake.yield()
  }

  private func flush() {
    state.withLockedValue { $0.isDue = true }
    wake.yield()
  }

  /// The next batch, once one is due; nil when there is no more, or the task was cancelled.
  func next() async -> [[UInt8]]? {
    var iterator = wakes.makeAsyncIterator()
    while true {
      switch state.withLockedValue({ take(&$0) }) {
      case .batch(let batch): return batch
      case .end: return nil
      case .wait: if await iterator.next() == nil { return nil }
      }
    }
  }

  /// Takes no more entries, and forgets those that wait; returns how many are lost with it.
  func close() -> Int {
    state.withLockedValue { state in
      defer { state = State(isOver: true) }
      return state.entries.count + state.dropped
    }
  }

  private func add(_ entry: [UInt8], to state: inout State) -> Added {
    guard !state.isOver else { return .over }
    let isFirst = state.entries.isEmpty && state.dropped == 0
    if state.entries.count < limits.queuedEntries, state.bytes + entry.count <= limits.queuedBytes {
      state.entries.append(entry)
      state.bytes += entry.count
    } else {
      state.dropped += 1
    }
    if isFirst, limits.batchDelay == .zero { state.isDue = true }
    return isDue(state) ? .due : isFirst ? .first : .behindOthers
  }

  private func isDue(_ state: State) -> Bool {
    state.isDue || state.isFinishing || state.entries.count >= limits.batchEntries || state.bytes >= limits.batchBytes
  }

  private func take(_ state: inout State) -> Next {
    if state.entries.isEmpty, state.dropped == 0 {
      state.isDue = false
      state.isOver = state.isFinishing
      return state.isFinishing ? .end : .wait
    }
    guard isDue(state) else { return .wait }
    if state.dropped > 0 {
      // It stands where they would have, and there is about to be room.
      let entry = encodeDropped(state.dropped)
      state.entries.append(entry)
      state.bytes += entry.count
      state.dropped = 0
    }
    var batch: [[UInt8]] = []
    var bytes = 0
    while batch.count < limits.batchEntries, let entry = state.entries.first,
      batch.isEmpty || bytes + entry.count <= limits.batchBytes
    {
      batch.append(state.entries.removeFirst())
      bytes += entry.count
    }
    state.bytes -= bytes
    if state.entries.isEmpty { state.isDue = false }
    return .batch(batch)
  }
}
