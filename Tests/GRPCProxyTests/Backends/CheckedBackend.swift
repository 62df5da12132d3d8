// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import GRPCProxy
import NIOConcurrencyHelpers
import NIOCore

/// A backend whose answers to health checks a test writes down.
struct CheckedBackend: Sendable {
  enum Answer: Sendable {
    case serving, notServing, unknownService, unimplemented, broken
    /// None, until the call is cancelled.
    case none
  }

  let backend: NamedBackend
  private let state: NIOLockedValueBox<State>
  private let checks: AsyncStream<String>

  private struct State {
    var answers: [Answer]
    var count = 0
  }

  /// - Parameter answers: one after the other; the last one is for all later checks.
  static func start(_ name: String, answering answers: Answer...) async throws -> CheckedBackend {
    let state = NIOLockedValueBox(State(answers: answers))
    let (checks, checked) = AsyncStream.makeStream(of: String.self)
    let check = GRPCMethod("Check") { (requests, responses, _) in
      var service = ByteBuffer()
      for try await request in requests { service = request }
      let answer = state.withLockedValue { state in
        defer { state.count += 1 }
        return state.answers[min(state.count, state.answers.count - 1)]
      }
      // Field 1 of a HealthCheckRequest, behind its tag and its length.
      service.moveReaderIndex(forwardBy: min(2, service.readableBytes))
      checked.yield(String(buffer: service))
      switch answer {
      case .serving: try await responses.send(ByteBuffer(bytes: [8, 1]))
      case .notServing: try await responses.send(ByteBuffer(bytes: [8, 2]))
      case .unknownService: throw GRPCStatus(.notFound, "unknown service")
      case .unimplemented: throw GRPCStatus(.unimplemented)
      case .broken: throw GRPCStatus(.internal, "broken")
      case .none: try await Task.sleep(for: .seconds(3_600))
      }
    }
    return CheckedBackend(
      backend: try await .start(name, beside: [GRPCService("grpc.health.v1.Health", methods: [check])]), state: state,
      checks: checks)
  }

  /// Checks that have come.
  var checkCount: Int { state.withLockedValue { $0.count } }

  /// The service that the next check asks about, which nobody has asked for yet.
  func nextCheck() async -> String? {
    for await check in checks { return check }
    return nil
  }

  /// All later checks get this answer.
  func answer(_ answer: Answer) { state.withLockedValue { $0.answers = [answer] } }

  func stop() async { await backend.stop() }
}
