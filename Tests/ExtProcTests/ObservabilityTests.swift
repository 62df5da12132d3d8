// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import ExtProcTesting
import Testing

@Suite("Observations over gRPC", .timeLimit(.minutes(1)))
struct ObservabilityTests {
  private let seen = Events<Void>()
  private let gate = Gate()

  private func callout(_ executor: HookExecutor = .eventLoop) -> Hooked {
    let (seen, gate) = (seen, gate)
    return Hooked(
      executor: executor,
      headers: { headers, _ in
        seen.send(())
        if headers.path == "/wait" { try await gate.wait() }
        return .mutate(set: ["a": "1"])
      })
  }

  /// Room for five resets of streams that were not answered.
  private var strict: ServerConfiguration {
    var configuration = ServerConfiguration.loopback
    configuration.limits.unansweredResets = 5
    configuration.limits.unansweredResetsPerSecond = 0
    return configuration
  }

  @Test("the hook runs, nothing is answered, and the stream ends OK")
  func noAnswer() async throws {
    let callout = callout()
    try await withRunningServer(callout) { server in
      let stream = try await server.client().stream()
      try await stream.send(.requestHeaders([":path": "/"]).inObservabilityMode())
      try await stream.send(.responseHeaders([":status": "200"]).inObservabilityMode())
      stream.halfClose()
      #expect(try await stream.next() == nil)
      #expect(seen.count == 2)
    }
  }

  @Test("resets of streams that only observed are no abuse")
  func resets() async throws {
    let callout = callout()
    try await withRunningServer(callout, configuration: strict) { server in
      let client = try await server.client()
      for _ in 0..<20 {
        let stream = try await client.stream()
        try await stream.send(.requestHeaders([":path": "/"]).inObservabilityMode())
        try await seen.next()
        stream.reset()
        guard case .completed = try await callout.endings.next() else { return #expect(Bool(false), "not completed") }
      }
      _ = try await client.stream().reply(to: .requestHeaders([":path": "/"]))
    }
  }

  @Test("resets of streams that wait for an answer are, when there are too many")
  func abuse() async throws {
    let callout = callout()
    try await withRunningServer(callout, configuration: strict) { server in
      let client = try await server.client()
      let last = try await client.stream()
      _ = try await last.reply(to: .requestHeaders([":path": "/"]))
      try await seen.next()
      for _ in 0..<6 {
        guard let stream = try? await client.stream() else { break }
        try await stream.send(.requestHeaders([":path": "/wait"]))
        try await seen.next()
        stream.reset()
      }
      #expect(await last.status.code != .ok)
      _ = try await server.client().stream().reply(to: .requestHeaders([":path": "/"]))
    }
  }

  @Test(
    "streams that are reset while their hooks wait give their places back",
    arguments: [
      HookExecutor.eventLoop, .concurrent,
    ])
  func places(executor: HookExecutor) async throws {
    let callout = callout(executor)
    var configuration = ServerConfiguration.loopback
    configuration.limits.streamsPerConnection = 4
    try await withRunningServer(callout, configuration: configuration) { server in
      let client = try await server.client()
      for _ in 0..<20 {
        let stream = try await client.stream()
        try await stream.send(.requestHeaders([":path": "/wait"]))
        try await seen.next()
        stream.reset()
        _ = try await callout.endings.next()
      }
      _ = try await client.stream().reply(to: .requestHeaders([":path": "/"]))
    }
  }
}
