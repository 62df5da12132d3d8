// SPDX-License-Identifier: Apache-2.0
import Callouts
import ExtProcTesting
import SwiftProtobuf
import Testing

@Suite("Time for a hook", .timeLimit(.minutes(1)))
struct TimeoutTests {
  /// A callout whose hooks wait until they are cancelled.
  private func waiting(
    _ policy: CalloutServer.LatePolicy, _ executor: HookExecutor = .eventLoop, log: Log = Log()
  ) -> CalloutHarness {
    CalloutHarness(
      Given(
        {
          $0.softDeadline = .milliseconds(10)
          $0.latePolicy = PerPhase(policy)
          $0.hookExecutor = executor
        },
        headers: { _, _ in
          do {
            try await Task.sleep(for: .seconds(60))
          } catch {
            log.note("cancelled")
            throw error
          }
          return .continue
        }))
  }

  @Test("a hook asks for more time, and Envoy gets the request by itself and before the answer")
  func byHand() async throws {
    for executor in [HookExecutor.eventLoop, .concurrent] {
      let server = Given(
        { $0.hookExecutor = executor },
        headers: { _, context in
          context.overrideMessageTimeout(.milliseconds(2_500))
          context.overrideMessageTimeout(.seconds(9))
          return .continue
        })
      let harness = CalloutHarness(server)
      for message in [ProcessingRequestMessage.requestHeaders([:]), .responseHeaders([:])] {
        let replies = try await harness.send(message)
        #expect(replies.count == 2)
        let expected = ProcessingResponseMessage.with {
          $0.overrideMessageTimeout = .init(seconds: 2, nanos: 500_000_000)
        }
        #expect(replies.first == expected)
      }
    }
  }

  /// Writes a piece, then waits longer than a hook may take, then another.
  private static let slow = StreamedImmediateResponse(status: 200) { writer in
    try await writer.write("a")
    try await Task.sleep(for: .milliseconds(50))
    try await writer.write("b")
    return [:]
  }

  @Test("the writing of a streamed answer is not late, however long it takes")
  func streamedAnswer() async throws {
    for policy in [CalloutServer.LatePolicy.giveUp(.passThrough), .extend(.seconds(1))] {
      let server = Given(
        {
          $0.softDeadline = .milliseconds(10)
          $0.latePolicy = PerPhase(policy)
        }, headers: { _, _ in .streamed(Self.slow) })
      let replies = try await CalloutHarness(server).send(.requestHeaders([:]))
      #expect(
        replies.allSatisfy {
          $0.response.map { if case .streamedImmediateResponse = $0 { true } else { false } } == true
        })
      #expect(replies.count == 4)
    }
  }

  @Test("a streamed answer that comes after the hook was given up is not sent")
  func lateStreamedAnswer() async throws {
    let server = Given(
      {
        $0.softDeadline = .milliseconds(10)
        $0.latePolicy = PerPhase(.giveUp(.passThrough))
      },
      headers: { _, _ in
        try? await Task.sleep(for: .seconds(60))
        return .streamed(Self.slow)
      })
    let replies = try await CalloutHarness(server).send(.requestHeaders([:]))
    #expect(replies.map(\.hasRequestHeadersReply) == [true])
  }

  @Test("no time is asked for where Envoy has no timeout")
  func withoutTimeout() async throws {
    let server = Given(headers: { _, context in
      context.overrideMessageTimeout(.seconds(2))
      return .continue
    })
    let duplex = ProcessingRequestMessage.requestHeaders([:]).withBodyModes(request: .fullDuplexStreamed)
    #expect(try await CalloutHarness(server).send(duplex).count == 1)
    #expect(try await CalloutHarness(server).send(.requestHeaders([:]).inObservabilityMode()).isEmpty)
  }

  @Test("a late hook has more time asked for, once")
  func extended() async throws {
    let server = Given(
      {
        $0.softDeadline = .milliseconds(1)
        $0.latePolicy[.requestHeaders] = .extend(.seconds(3))
      },
      headers: { _, _ in
        try await Task.sleep(for: .milliseconds(50))
        return .continue
      })
    let harness = CalloutHarness(server)
    let replies = try await harness.send(.requestHeaders([:]))
    #expect(replies.map { $0.overrideMessageTimeout.seconds } == [3, 0])
    #expect(try await harness.send(.responseHeaders([:])).count == 1)
  }

  @Test(
    "a late hook is given up: cancelled, and answered for",
    arguments: [HookExecutor.eventLoop, .concurrent])
  func givenUp(executor: HookExecutor) async throws {
    let log = Log()
    let passing = waiting(.giveUp(.passThrough), executor, log: log)
    #expect(try await passing.reply(to: .requestHeaders([:])) == .with { $0.requestHeaders = .init() })
    #expect(log.lines == ["cancelled"])
    #expect(try await passing.reply(to: .responseHeaders([:])) == .with { $0.responseHeaders = .init() })

    let denied = ImmediateResponse(status: 504, body: "late")
    let reply = try await waiting(.giveUp(.immediate(denied)), executor).reply(to: .requestHeaders([:]))
    #expect(reply.immediateResponse.status.code.rawValue == 504)

    let failing = waiting(.giveUp(.failStream), executor)
    let error = await #expect(throws: CalloutError.self) { try await failing.send(.requestHeaders([:])) }
    #expect(error?.code == .lateHook)
  }

  @Test("a hook in time is not late")
  func inTime() async throws {
    let server = Given({
      $0.softDeadline = .seconds(30)
      $0.latePolicy = PerPhase(.giveUp(.failStream))
    })
    let harness = CalloutHarness(server)
    for _ in 0..<10 { #expect(try await harness.send(.requestHeaders([:])).count == 1) }
  }
}

extension ProcessingResponseMessage {
  fileprivate var hasRequestHeadersReply: Bool {
    if case .requestHeaders = response { true } else { false }
  }
}
