// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import GRPCProxy
import NIOCore
import Testing

/// Whichever way a call ends, its backends are released once, and what is told of it is true.
@Suite("ends of calls", .timeLimit(.minutes(1)))
struct CallEndingTests {
  enum Way: String, CaseIterable, CustomTestStringConvertible {
    case ok, applicationError, trailersOnly, backendResets, backendDies, noBackend, notGRPC
    case clientCancels, clientDisconnects, deadline, requestOverLimit, answerOverLimit, shutdown

    var testDescription: String { rawValue }

    var status: GRPCStatus.Code {
      switch self {
      case .ok: .ok
      case .applicationError, .trailersOnly: .aborted
      case .backendDies, .noBackend, .notGRPC, .shutdown: .unavailable
      case .backendResets: .internal
      case .clientCancels, .clientDisconnects: .cancelled
      case .deadline: .deadlineExceeded
      case .requestOverLimit, .answerOverLimit: .resourceExhausted
      }
    }

    /// Bytes of messages that come from the backend; the client sends one of a hundred.
    var answered: Int {
      switch self {
      case .trailersOnly, .noBackend, .notGRPC: 0
      default: 15
      }
    }
  }

  @Test("the release hook is called once, and the summary is true", arguments: Way.allCases)
  func ending(way: Way) async throws {
    let released = Counter()
    let releases = Events<Void>()
    try await withProxy(
      to: { call, _ in try await Self.serve(call, way) },
      directing: { _, pool in
        var direction = CallDirection.to(pool)
        direction.maxMessageLength = 100
        direction.timeout = way == .deadline ? .seconds(5) : nil
        direction.release = {
          released.add()
          releases.send()
        }
        return direction
      }
    ) { proxy, backend in
      if way == .noBackend { await backend.stop() }
      let client = try await BareClient(to: proxy.server)
      let call = try await client.open(BareClient.fields("/a.B/C"))
      call.send(ByteBuffer(repeating: 1, count: 100))
      if way.answered > 0 { #expect(try await call.message()?.payload == ByteBuffer(repeating: 2, count: 10)) }
      switch way {
      case .ok, .applicationError, .backendResets, .answerOverLimit: call.send(ByteBuffer())
      case .requestOverLimit: call.send(ByteBuffer(repeating: 1, count: 101))
      case .backendDies: await backend.stop()
      case .clientCancels: call.reset(.cancel)
      case .clientDisconnects: await client.close()
      case .shutdown: proxy.server.server.finishCalls()
      case .trailersOnly, .noBackend, .notGRPC, .deadline: break
      }
      if way != .clientCancels, way != .clientDisconnects {
        #expect(try await call.response().status?.code == way.status)
      }
      await client.close()

      let summary = try #require(await proxy.summaries.next())
      #expect(summary.fullMethod == "/a.B/C")
      #expect(summary.authority == "client.test")
      #expect(summary.status == way.status)
      #expect(summary.backends == (way == .noBackend ? [] : ["\(backend.target)"]))
      #expect(summary.bytesSent == way.answered)
      #expect(summary.bytesReceived == Self.sent(way))
      #expect(summary.duration > .zero && summary.duration < .seconds(60))
      await releases.next()
      await proxy.stop()
      #expect(released.value == 1)
      #expect(proxy.summaries.noted.count == 1)
    }
  }

  private static func serve(_ call: BareStream, _ way: Way) async throws {
    switch way {
    case .trailersOnly: throw GRPCStatus(.aborted, "no")
    case .notGRPC: return call.send(headers: [":status": "503"], endStream: true)
    default: break
    }
    call.send(headers: PingService.head([:]))
    call.send(ByteBuffer(repeating: 2, count: 10))
    _ = try await call.message()
    // What ends the call otherwise ends it here.
    _ = try await call.message()
    switch way {
    case .ok: call.end(trailers: PingService.ok())
    case .applicationError: call.end(trailers: GRPCFields.trailers(GRPCStatus(.aborted, "no"), [:]))
    case .backendResets: call.reset(.internalError)
    default: call.send(ByteBuffer(repeating: 2, count: 101))
    }
  }

  /// Bytes of messages that the client sends.
  private static func sent(_ way: Way) -> Int {
    switch way {
    case .ok, .applicationError, .backendResets, .answerOverLimit: 110
    case .requestOverLimit: 211
    default: 105
    }
  }
}
