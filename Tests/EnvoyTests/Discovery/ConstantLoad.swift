// SPDX-License-Identifier: Apache-2.0
import CalloutServing
import ExtProcTesting
import NIOConcurrencyHelpers

/// Requests that follow each other without a pause, on some connections at once, while something else happens.
final class ConstantLoad: Sendable {
  private let tally = NIOLockedValueBox(Tally())

  struct Tally: Sendable, Equatable {
    var requests = 0
    /// What went wrong, the first few of it.
    var failures: [String] = []
  }

  private let waiters = NIOLockedValueBox<[(at: Int, continuation: CheckedContinuation<Void, Never>)]>([])

  /// Runs while `body` runs; returns what became of the requests.
  ///
  /// - Parameter isGood: says what is wrong with a response, or nil.
  static func during(
    _ connections: [(address: ListenAddress, roots: [UInt8]?)], path: String = "/",
    isGood: @escaping @Sendable (HTTPResponse) -> String?, _ body: (ConstantLoad) async throws -> Void
  ) async throws -> Tally {
    let load = ConstantLoad()
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      for connection in connections {
        tasks.addTask { await load.run(connection.address, connection.roots, path, isGood) }
      }
      try await body(load)
      tasks.cancelAll()
    }
    return load.tally.withLockedValue { $0 }
  }

  private func run(
    _ address: ListenAddress, _ roots: [UInt8]?, _ path: String, _ isGood: @Sendable (HTTPResponse) -> String?
  ) async {
    do {
      while !Task.isCancelled {
        let connection = try await HTTPConnection.connect(to: address, trusting: roots)
        var isOpen = true
        while isOpen, !Task.isCancelled {
          let response = try await connection.get(path)
          note(isGood(response))
          isOpen = response.fields["connection"] != "close"
        }
        await connection.close()
      }
    } catch {
      note("a request failed: \(error)")
    }
  }

  private func note(_ failure: String?) {
    let count = tally.withLockedValue { tally in
      tally.requests += 1
      if let failure, tally.failures.count < 10 { tally.failures.append(failure) }
      return tally.requests
    }
    let ready = waiters.withLockedValue { waiters in
      defer { waiters.removeAll { $0.at <= count } }
      return waiters.filter { $0.at <= count }
    }
    for waiter in ready { waiter.continuation.resume() }
  }

  /// Waits until there have been some more requests.
  func more(_ count: Int) async {
    let at = tally.withLockedValue { $0.requests } + count
    await withCheckedContinuation { continuation in waiters.withLockedValue { $0.append((at, continuation)) } }
  }
}
