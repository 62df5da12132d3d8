// SPDX-License-Identifier: Apache-2.0
import CalloutServing
import Callouts
import EnvoyAPI
import ExtProcTesting
import Logging
import NIOCore
import SwiftProtobuf
import Synchronization
import Testing

@testable import CalloutBench

/// Counts the bytes of body it is shown.
private final class CountingBytes: CalloutServer, @unchecked Sendable {
  let bytes = Atomic<Int>(0)

  override func onBody(_ body: HTTPBody, direction: Direction, context: CalloutContext) async throws -> BodyReply {
    bytes.wrappingAdd(body.bytes.readableBytes, ordering: .relaxed)
    return .continue
  }
}

/// Answers every client itself.
private final class Refusing: CalloutServer, @unchecked Sendable {
  override func onRequestHeaders(_: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    .immediate(.forbidden())
  }
}

/// Answers every client itself, piece by piece.
private final class Streaming: CalloutServer, @unchecked Sendable {
  override func onRequestHeaders(_: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    .streamed(
      StreamedImmediateResponse(status: 200) { writer in
        for piece in ["a", "b", "c"] { try await writer.write(piece) }
        return ["t": "1"]
      })
  }
}

/// Tells that it is asked.
private final class Noticing: CalloutServer, @unchecked Sendable {
  let (asked, continuation) = AsyncStream<Void>.makeStream()

  override func onResponseHeaders(_: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    continuation.yield()
    return .continue
  }
}

private final class Failing: CalloutServer, @unchecked Sendable {
  private struct Failure: Error {}

  override func onResponseHeaders(_: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    throw Failure()
  }
}

@Suite("callout-bench and our server", .timeLimit(.minutes(2)))
struct LoadTests {
  private func run(
    _ callout: CalloutServer, _ exchange: Exchange, exchanges: Int = 100, tls: Load.TLS? = nil, rate: Double? = nil
  ) async throws -> Report {
    try await withRunningServer(callout) { server in
      var load = Load(exchange, streams: 8)
      load.exchanges = exchanges
      load.rate = rate
      load.tls = tls
      let address = tls == nil ? server.addresses.plaintext! : server.addresses.secure!
      return try await LoadRunner(address, load, connections: 2, threads: 1).run(for: .seconds(60))
    }
  }

  @Test("makes as many exchanges as asked for, over plaintext and TLS", arguments: [false, true])
  func exchanges(isSecure: Bool) async throws {
    let tls = isSecure ? Load.TLS(verifiesServer: false) : nil
    let report = try await run(CalloutServer(), Exchange(), tls: tls)
    #expect(report.tally.exchanges == 100 && report.tally.messages == 200)
    #expect(report.tally.latency.count == 200)
    #expect(report.errors.isEmpty && report.tally.immediateResponses == 0)
  }

  @Test("a certificate that is not trusted is refused")
  func untrusted() async throws {
    await #expect(throws: LoadError.self) { _ = try await run(CalloutServer(), Exchange(), tls: Load.TLS()) }
  }

  @Test("sends all of the bodies in every mode, and waits for all of the answers", arguments: BodyMode.allCases)
  func bodies(mode: BodyMode) async throws {
    let callout = CountingBytes()
    // More than a stream holds unsent, and a piece that is shorter than the others.
    let bodies = Exchange.Bodies(mode: mode, request: 1_048_577, response: 65_536, chunk: 65_536)
    let report = try await run(callout, Exchange(bodies: bodies), exchanges: 10)
    #expect(report.errors.isEmpty)
    #expect(report.tally.bodyBytes == 10 * 1_114_113)
    #expect(callout.bytes.load(ordering: .relaxed) == 10 * 1_114_113)
    #expect(report.tally.messages == 10 * (2 + (mode == .buffered ? 2 : 18)))
  }

  @Test("an immediate response ends an exchange well")
  func immediate() async throws {
    let report = try await run(Refusing(), Exchange(), exchanges: 20)
    #expect(report.tally.exchanges == 20 && report.tally.messages == 20 && report.tally.immediateResponses == 20)
    #expect(report.errors.isEmpty)
  }

  @Test("a streamed immediate response is one, in however many parts it comes")
  func streamed() async throws {
    let report = try await run(Streaming(), Exchange(), exchanges: 20)
    #expect(report.tally.exchanges == 20 && report.tally.immediateResponses == 20)
    #expect(report.errors.isEmpty, "\(report.errors)")
  }

  @Test("a server that goes away is waited for, and its loss is told")
  func lost() async throws {
    let callout = Noticing()
    let server = try await RunningServer.start(callout.service(.loopback, logger: Logger(label: "test")))
    let load = Load(try Exchange(), streams: 8)
    let runner = LoadRunner(server.addresses.plaintext!, load, connections: 2, threads: 1)
    let (progress, told) = AsyncStream.makeStream(of: String.self)
    let report = Task { try await runner.run(for: .seconds(600)) { told.yield($0) } }
    for await _ in callout.asked { break }
    try await server.stop()
    for await line in progress where !line.hasSuffix(" 0 errors") { break }
    report.cancel()
    let seen = try await report.value
    #expect(seen.tally.exchanges > 0)
    #expect(seen.errors.keys.contains { $0.contains("connection") }, "\(seen.errors)")
  }

  @Test("a stream that fails is counted by why")
  func failing() async throws {
    let report = try await run(Failing(), Exchange(), exchanges: 20)
    #expect(report.tally.exchanges == 0)
    #expect(report.errors.count == 1 && report.errors.values.first == 20)
    #expect(report.errors.keys.first?.hasPrefix("UNKNOWN") == true, "\(report.errors)")
  }

  @Test("a request alone, with headers of one's own")
  func requestOnly() async throws {
    let exchange = try Exchange(headers: [(name: ":path", value: "/x"), (name: "a", value: "1")], requestOnly: true)
    guard case .message(let bytes) = exchange.steps.first else { return #expect(Bool(false)) }
    let message = try ProcessingRequestMessage(serializedBytes: Array(buffer: bytes))
    let sent = message.requestHeaders.headers.headers.map {
      "\($0.key)=\(String(decoding: $0.rawValue, as: UTF8.self))"
    }
    #expect(sent.contains(":path=/x") && sent.contains("a=1") && !sent.contains(":path=/"))
    #expect(try await run(CalloutServer(), exchange, exchanges: 5).tally.messages == 5)
  }

  @Test("with a rate no more exchanges begin than are due")
  func rate() async throws {
    let start = ContinuousClock.now
    let report = try await run(CalloutServer(), Exchange(), exchanges: 40, rate: 100)
    // Two connections begin 20 each, 10 ms apart.
    #expect(ContinuousClock.now - start >= .milliseconds(190))
    #expect(report.tally.exchanges == 40 && report.errors.isEmpty)
  }

  @Test("where nobody listens that is said in one line")
  func nobody() async throws {
    // Not a port, which another test could be given meanwhile.
    let nowhere = ListenAddress.unix("/nonexistent/socket")
    do {
      _ = try await LoadRunner(nowhere, Load(Exchange(), streams: 1), connections: 1).run(for: .seconds(1))
      Issue.record("it ran")
    } catch let error as LoadError {
      #expect(error.description == "cannot connect to unix:/nonexistent/socket: No such file or directory")
    }
  }
}
