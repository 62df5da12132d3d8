// SPDX-License-Identifier: Apache-2.0
import Dispatch
import ExtProcTesting
import Foundation
import Testing

@Suite("Streams over gRPC", .timeLimit(.minutes(1)))
struct StreamTests {
  private static func echo(_ body: HTTPBody, _ context: CalloutContext) -> BodyReply { .replace("<\(body.string)>") }

  private func text(of reply: ProcessingResponseMessage?) -> String {
    String(decoding: reply?.requestBody.response.bodyMutation.body ?? .init(), as: UTF8.self)
  }

  @Test("answers come in the order of the messages, over plaintext and TLS", arguments: [false, true])
  func order(secure: Bool) async throws {
    try await withRunningServer(Hooked(body: { body, context in Self.echo(body, context) })) { server in
      let stream = try await (secure ? server.secureClient() : server.client()).stream()
      for number in 0..<100 { try await stream.send(.requestBody("\(number)")) }
      for number in 0..<100 { #expect(text(of: try await stream.next()) == "<\(number)>") }
    }
  }

  @Test("a hook that waits holds up its own stream only, whose messages keep their order")
  func waitingHook() async throws {
    let gate = Gate()
    let started = Events<String>()
    let callout = Hooked(body: { body, context in
      started.send(body.string)
      if body.string == "wait" { try await gate.wait() }
      return Self.echo(body, context)
    })
    try await withRunningServer(callout) { server in
      let client = try await server.client()
      let (waiting, other) = (try await client.stream(), try await client.stream())
      for text in ["wait", "a", "b"] { try await waiting.send(.requestBody(text)) }
      #expect(try await started.next() == "wait")
      #expect(text(of: try await other.reply(to: .requestBody("c"))) == "<c>")
      #expect(started.count == 2)
      gate.open()
      for text in ["<wait>", "<a>", "<b>"] { #expect(self.text(of: try await waiting.next()) == text) }
    }
  }

  @Test("a proxy cannot send more than a window while a hook waits")
  func backPressure() async throws {
    let gate = Gate()
    let callout = Hooked(body: { body, context in
      try await gate.wait()
      return .clear
    })
    try await withRunningServer(callout) { server in
      let client = try await server.client()
      let stream = try await client.stream()
      let sent = Events<Void>()
      let piece = ProcessingRequestMessage.requestBody(bytes: Array(repeating: 1, count: 65_536))
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask {
          for _ in 0..<64 {
            try await stream.send(piece)
            sent.send(())
          }
        }
        // Each round trip on the connection gives the sender time to go further, if it could.
        var roundTrips = 0
        while roundTrips < 100 || sent.count < 6 {
          let probe = try await client.stream()
          _ = try await probe.reply(to: .requestHeaders([:]))
          probe.halfClose()
          roundTrips += 1
        }
        #expect(sent.count < 20)
        gate.open()
        for _ in 0..<64 { _ = try await stream.next() }
        try await tasks.waitForAll()
      }
    }
  }

  @Test("streams of one connection wait and go on independently")
  func concurrentStreams() async throws {
    let gate = Gate()
    let started = Events<Void>()
    let callout = Hooked(headers: { headers, _ in
      started.send(())
      try await gate.wait()
      return .mutate(set: ["x-path": headers.path ?? ""])
    })
    try await withRunningServer(callout) { server in
      let client = try await server.client()
      var streams: [CalloutStream] = []
      for number in 0..<200 {
        let stream = try await client.stream()
        try await stream.send(.requestHeaders([":path": "/\(number)"]))
        streams.append(stream)
      }
      for _ in streams { try await started.next() }
      gate.open()
      for (number, stream) in streams.enumerated() {
        let mutation = try await stream.next()?.requestHeaders.response.headerMutation
        #expect(mutation?.setHeaders.first?.header.rawValue == .init("/\(number)".utf8))
        stream.halfClose()
        let status = await stream.status
        #expect(status == .ok)
      }
    }
  }

  @Test("a hook that blocks its thread does not hold up others where hooks run off the event loop")
  func concurrentExecutor() async throws {
    let semaphore = DispatchSemaphore(value: 0)
    let callout = Hooked(
      executor: .concurrent,
      body: { body, context in
        if body.string == "block" { block(semaphore) }
        return Self.echo(body, context)
      })
    var configuration = ServerConfiguration.loopback
    configuration.threads = 1
    try await withRunningServer(callout, configuration: configuration) { server in
      let client = try await server.client()
      let (blocked, other) = (try await client.stream(), try await client.stream())
      try await blocked.send(.requestBody("block"))
      #expect(text(of: try await other.reply(to: .requestBody("a"))) == "<a>")
      semaphore.signal()
      #expect(text(of: try await blocked.next()) == "<block>")
    }
  }

  @Test("a hook sees who calls, and with what metadata")
  func context() async throws {
    let callout = Hooked(headers: { _, context in
      let metadata = context.initialMetadata.filter { $0.name.hasPrefix("x-") }.map { "\($0.name)=\($0.value)" }
      return .mutate(set: ["x-peer": context.peer ?? "", "x-metadata": metadata.joined(separator: ",")])
    })
    try await withRunningServer(callout) { server in
      let stream = try await server.client().stream(metadata: ["x-b": "1", "x-a": "2"])
      let set = try await stream.reply(to: .requestHeaders([:])).requestHeaders.response.headerMutation.setHeaders
      let values = set.map { String(decoding: $0.header.rawValue, as: UTF8.self) }
      #expect(values.first?.contains("127.0.0.1") == true)
      #expect(values.last == "x-b=1,x-a=2")
    }
  }
}

private func block(_ semaphore: DispatchSemaphore) { semaphore.wait() }
