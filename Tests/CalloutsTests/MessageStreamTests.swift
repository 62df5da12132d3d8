// SPDX-License-Identifier: Apache-2.0
import Callouts
import ExtProcTesting
import NIOCore
import SwiftProtobuf
import Testing

@Suite("Directions handled as streams", .timeLimit(.minutes(1)))
struct MessageStreamTests {
  private func harness(
    _ mode: BodySendMode = .fullDuplexStreamed, policy: CalloutServer.FailurePolicy = .failStream,
    stream: @escaping Given.Stream
  ) -> (CalloutHarness, ProcessingRequestMessage) {
    let server = Given(
      { (configuration: inout CalloutServer.Configuration) in
        configuration.requestBody = .stream
        configuration.failurePolicy = PerPhase(policy)
      }, stream: stream)
    let headers = ProcessingRequestMessage.requestHeaders([":path": "/p"]).withBodyModes(request: mode)
    return (CalloutHarness(server), headers)
  }

  @Test("a stream that is not overridden passes as it is, trailers too")
  func passes() async throws {
    let (harness, headers) = harness { _, reply in try await reply.send().passRest() }
    #expect(try await harness.reply(to: headers) == .with { $0.requestHeaders = .init() })
    #expect(try await harness.send(.requestBody("ab")).map(\.streamed) == ["ab"])
    #expect(try await harness.send(.requestBody("")).isEmpty)
    #expect(try await harness.send(.requestTrailers(["t": "1"])) == [.with { $0.requestTrailers = .init() }])
  }

  @Test("the end of the stream is said once, whatever the hook leaves undone")
  func end() async throws {
    let hooks: [Given.Stream] = [
      { _, _ in }, { _, reply in _ = try await reply.send() },
      { message, reply in
        let body = try await reply.send()
        for try await piece in message.body { try await body.write(piece) }
      },
    ]
    for (hook, expected) in zip(hooks, [["ab", "."], ["."], ["ab", "."]]) {
      let (harness, headers) = harness(stream: hook)
      #expect(try await harness.send(headers).count == 1)
      var sent = try await harness.send(.requestBody("ab")).map(\.streamed)
      sent += try await harness.send(.requestBody("", endOfStream: true)).map(\.streamed)
      #expect(sent == expected)
    }
  }

  @Test("one piece becomes many, many become one, and all of them nothing")
  func relations() async throws {
    let many: Given.Stream = { message, reply in
      let body = try await reply.send()
      for try await piece in message.body {
        for character in piece.string { try await body.write(String(character)) }
      }
      try await body.finish()
    }
    let one: Given.Stream = { message, reply in
      let all = try await message.collectBody(upTo: 100)
      let body = try await reply.send(.mutate(set: ["length": "\(all.readableBytes)"]))
      try await body.write(all)
      try await body.finish()
    }
    let none: Given.Stream = { message, reply in try await reply.send().finish() }
    for (hook, expected) in zip([many, one, none], [["", "a", "b", "c", "."], ["", "abc", "."], ["", "."]]) {
      let (harness, headers) = harness(stream: hook)
      var replies = try await harness.send(headers)
      replies += try await harness.send(.requestBody("ab"))
      replies += try await harness.send(.requestBody("c", endOfStream: true))
      #expect(replies.map(\.streamed) == expected)
      #expect(replies.first?.response.map { if case .requestHeaders = $0 { true } else { false } } == true)
    }
  }

  @Test("the headers are answered after the body was read, and before it goes back")
  func lateHeaders() async throws {
    let (harness, headers) = harness { message, reply in
      let all = try await message.collectBody(upTo: 100)
      let body = try await reply.send(.mutate(set: ["x": "1"]))
      try await body.write(all)
    }
    #expect(try await harness.send(headers).isEmpty)
    #expect(try await harness.send(.requestBody("ab")).isEmpty)
    let replies = try await harness.send(.requestBody("c", endOfStream: true))
    #expect(replies.first?.requestHeaders.response.headerMutation.setHeaders.count == 1)
    #expect(replies.map(\.streamed) == ["", "abc", "."])
  }

  @Test("trailers are there once the body was read, and their answer ends the stream")
  func trailers() async throws {
    let (harness, headers) = harness { message, reply in
      let body = try await reply.send()
      for try await piece in message.body { try await body.write(piece) }
      let last = message.trailers?["t"] ?? "none"
      try await body.finish(trailers: .mutate(set: ["t2": "after \(last)"]))
    }
    _ = try await harness.send(headers)
    _ = try await harness.send(.requestBody("ab"))
    let reply = try await harness.reply(to: .requestTrailers(["t": "1"]))
    let header = reply.requestTrailers.headerMutation.setHeaders.first?.header
    #expect(header.map { String(decoding: $0.rawValue, as: UTF8.self) } == "after 1")
  }

  @Test("long pieces are cut at 62 KiB")
  func cut() async throws {
    let (harness, headers) = harness { message, reply in
      let body = try await reply.send()
      try await body.write(String(repeating: "x", count: 130_000))
    }
    let replies = try await harness.send(headers)
    #expect(replies.dropFirst().map { $0.streamed.count } == [63_488, 63_488, 3_024])
  }

  @Test("a request without a body has no end to say, and takes no body")
  func withoutBody() async throws {
    let (harness, _) = harness { message, reply in
      #expect(try await message.collectBody(upTo: 0).readableBytes == 0)
      let body = try await reply.send()
      await #expect(throws: CalloutError.self) { try await body.write("x") }
    }
    let headers = ProcessingRequestMessage.requestHeaders([":path": "/"], endOfStream: true)
    #expect(try await harness.reply(to: headers) == .with { $0.requestHeaders = .init() })
  }

  @Test("an immediate response ends the exchange, and what crosses it is dropped")
  func immediate() async throws {
    let (harness, headers) = harness { message, reply in
      for try await _ in message.body { break }
      try reply.send(ImmediateResponse(status: 403, body: "no"))
    }
    _ = try await harness.send(headers)
    #expect(try await harness.reply(to: .requestBody("a")).immediateResponse.status.code.rawValue == 403)
    #expect(try await harness.send(.requestBody("b", endOfStream: true)).isEmpty)
  }

  @Test("a hook that throws ends the stream, denies, or is answered for, as far as the message is")
  func failures() async throws {
    let failing: Given.Stream = { _, _ in throw CancellationError() }
    let (closed, headers) = harness(stream: failing)
    await #expect(throws: CancellationError.self) { try await closed.send(headers) }
    let (answered, _) = harness(policy: .immediate(ImmediateResponse(status: 503, body: "")), stream: failing)
    #expect(try await answered.reply(to: headers).immediateResponse.status.code.rawValue == 503)
    let (denied, _) = harness(policy: .passThrough) { _, _ in throw Denial("no") }
    #expect(try await denied.reply(to: headers).immediateResponse.status.code.rawValue == 403)
    let (passing, _) = harness(policy: .passThrough, stream: failing)
    #expect(try await passing.send(headers).count == 1)
    #expect(try await passing.reply(to: .requestBody("ab", endOfStream: true)).streamed == "ab.")
  }

  @Test("a message of which part was read cannot pass, so that its stream ends")
  func halfRead() async throws {
    let (harness, headers) = harness(policy: .passThrough) { message, reply in
      for try await _ in message.body { break }
      throw CancellationError()
    }
    _ = try await harness.send(headers)
    await #expect(throws: CancellationError.self) { try await harness.send(.requestBody("ab")) }
  }

  @Test("a body mode in which nothing can be streamed back is told", arguments: [BodySendMode.streamed, .none])
  func wrongMode(mode: BodySendMode) async throws {
    let (harness, headers) = harness(mode) { _, _ in }
    let error = await #expect(throws: CalloutError.self) { try await harness.send(headers) }
    #expect(error?.code == .unsuitableBodyMode)
    #expect(error?.message.contains("FULL_DUPLEX_STREAMED") == true)
  }

  @Test("an observed body is a stream in any mode, and nothing goes back")
  func observed() async throws {
    let log = Log()
    let (harness, headers) = harness(.streamed) { message, reply in
      let body = try await reply.send(.mutate(set: ["x": "1"]))
      for try await piece in message.body {
        log.note(piece.string)
        try await body.write(piece)
      }
    }
    #expect(try await harness.send(headers.inObservabilityMode()).isEmpty)
    #expect(try await harness.send(.requestBody("ab").inObservabilityMode()).isEmpty)
    #expect(try await harness.send(.requestBody("c", endOfStream: true).inObservabilityMode()).isEmpty)
    #expect(log.lines == ["ab", "c"])
  }

  @Test("in the GRPC mode messages stay whole, empty ones too")
  func grpc() async throws {
    let (harness, headers) = harness(.grpc) { _, reply in try await reply.send().passRest() }
    _ = try await harness.send(headers)
    #expect(try await harness.send(.requestBody("")).count == 1)
    let long = String(repeating: "x", count: 100_000)
    #expect(try await harness.reply(to: .requestBody(long)).streamed == long)
    let last = try await harness.send(.requestBody("z", endOfStream: true)).map {
      $0.requestBody.response.bodyMutation.streamedResponse
    }
    #expect(last.map(\.endOfStream) == [true])
    #expect(last.map(\.endOfStreamWithoutMessage) == [false])
  }

  @Test("reading throws when the proxy gives the exchange up, and the hook is over before its end is told")
  func cancelled() async throws {
    let log = Log()
    let (harness, headers) = harness { message, _ in
      do {
        for try await _ in message.body {}
      } catch {
        log.note("\(type(of: error))")
        throw error
      }
    }
    _ = try await harness.send(headers)
    await harness.end()
    #expect(log.lines == ["CancellationError"])
  }

  @Test("the other direction goes on by messages while a stream is under way")
  func otherDirection() async throws {
    let (harness, headers) = harness { _, reply in try await reply.send().passRest() }
    _ = try await harness.send(headers)
    _ = try await harness.send(.requestBody("a"))
    #expect(try await harness.reply(to: .responseHeaders([":status": "200"])) == .with { $0.responseHeaders = .init() })
    #expect(try await harness.send(.requestBody("b", endOfStream: true)).map(\.streamed) == ["b."])
  }
}
