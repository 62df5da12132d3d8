// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import NIOConcurrencyHelpers
import NIOCore

/// Calls that are made one after the other, by many at once, for as long as a test takes.
final class Load: Sendable {
  private let isOver = NIOLockedValueBox(false)
  private let answered = Counter()
  private let answers = Events<Int>()

  /// Runs `body` under load; returns the statuses of calls that did not end OK with an answer.
  static func run(
    through proxy: ProxyServer, workers: Int, _ body: (Load) async throws -> Void
  ) async throws -> [GRPCStatus] {
    let load = Load()
    return try await withThrowingTaskGroup(of: [GRPCStatus].self) { group in
      let channel = try await proxy.connect()
      for _ in 0..<workers { group.addTask { await load.work(on: channel) } }
      try await ended({ load.isOver.withLockedValue { $0 = true } }) { try await body(load) }
      var failures: [GRPCStatus] = []
      for try await some in group { failures += some }
      await channel.close()
      return failures
    }
  }

  /// Waits until so many more calls have got their answers.
  func answers(_ count: Int) async {
    let goal = answered.value + count
    while let number = await answers.next(), number < goal {}
  }

  private func work(on channel: GRPCChannel) async -> [GRPCStatus] {
    var failures: [GRPCStatus] = []
    while !isOver.withLockedValue({ $0 }) {
      do {
        let call = try await channel.call(NameService.path)
        try await call.send(ByteBuffer(string: "?"))
        call.halfClose()
        guard try await call.texts().count == 1 else { throw GRPCStatus(.internal, "no answer") }
        answers.send(answered.add())
      } catch {
        failures.append(GRPCStatus(error))
      }
    }
    return failures
  }
}

/// Answers each message with the backend's name.
struct NameService: Sendable {
  static let path = "/test.Load/Name"

  let name: String
  /// A call of it has ended.
  let served = Events<Void>()

  init(_ name: String) { self.name = name }

  var services: [GRPCService] {
    [
      GRPCService(
        "test.Load",
        methods: [
          GRPCMethod("Name") { [self] (requests, responses, _) in
            for try await _ in requests { try await responses.send(ByteBuffer(string: name)) }
            served.send()
          }
        ])
    ]
  }
}
