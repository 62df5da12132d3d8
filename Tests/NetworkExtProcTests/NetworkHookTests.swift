// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import Dispatch
import ExtProcTesting
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NetworkExtProc
import SwiftProtobuf
import Testing

@Suite("Network hooks", .timeLimit(.minutes(1)))
struct NetworkHookTests {
  private enum Seen: CalloutContextKey { static let defaultValue: [String] = [] }

  @Test("the start hook runs once, before the first data, and state lasts as long as the connection")
  func state() async throws {
    let server = HookedNetwork(
      start: { $0[Seen.self].append("start") },
      write: { data, context in
        context[Seen.self].append("write " + data.string)
        return .continue
      },
      read: { data, context in
        context[Seen.self].append("read " + data.string)
        return .continue
      })
    let (first, second) = (NetworkHarness(server), NetworkHarness(server))
    _ = try await first.send(.writeData("banner"))
    _ = try await second.send(.readData("other"))
    _ = try await first.send(.readData("hello"))
    #expect(first.context[Seen.self] == ["start", "write banner", "read hello"])
    #expect(second.context[Seen.self] == ["start", "read other"])
  }

  @Test("a hook that is not overridden lets bytes pass")
  func defaults() async throws {
    let harness = NetworkHarness(NetworkCalloutServer())
    #expect(try await harness.send(.readData("a")).map(\.text) == ["read 'a' unmodified"])
    #expect(try await harness.send(.writeData("b", endOfStream: true)).map(\.text) == ["write 'b' end unmodified"])
  }

  @Test("attributes and metadata are there for every hook, and metadata as it was last sent")
  func context() async throws {
    let server = HookedNetwork(read: { _, context in
      let address = context.attribute("source.address")?.stringValue ?? "none"
      let user = context.filterMetadata["ns"]?.fields["user"]?.stringValue ?? "none"
      return .replace("\(address) \(user) \(context.initialMetadata.map(\.value))")
    })
    let harness = NetworkHarness(server, initialMetadata: ["x-tenant": "t"])
    let first = NetworkRequestMessage.readData("").withAttributes(["source.address": "10.0.0.1:80"])
      .withMetadata(["user": "eve"], in: "ns")
    #expect(try await harness.send(first).map(\.text) == [#"read '10.0.0.1:80 eve ["t"]' modified"#])
    #expect(try await harness.send(.readData("")).map(\.text) == [#"read '10.0.0.1:80 eve ["t"]' modified"#])
    let changed = NetworkRequestMessage.readData("").withMetadata(["user": "bob"], in: "ns")
    #expect(try await harness.send(changed).map(\.text) == [#"read '10.0.0.1:80 bob ["t"]' modified"#])
  }

  @Test("metadata with types of its own is there too")
  func typedMetadata() async throws {
    let harness = NetworkHarness(NetworkCalloutServer())
    var message = NetworkRequestMessage.readData("")
    message.metadata.typedFilterMetadata["ns"] = try Google_Protobuf_Any(message: Google_Protobuf_StringValue("typed"))
    _ = try await harness.send(message)
    let value = try #require(harness.context.typedFilterMetadata["ns"])
    #expect(try Google_Protobuf_StringValue(unpackingAny: value).value == "typed")
  }

  @Test("shouldCloseConnection is asked with the bytes that came, and whether others go on; true keeps them back")
  func shouldClose() async throws {
    let asked = NIOLockedValueBox<[String]>([])
    let server = HookedNetwork(
      closes: { data, modified in
        asked.withLockedValue { $0.append("\(data.string) \(modified)") }
        return data.string == "bad"
      }, write: { _, _ in .replace("other") })
    let harness = NetworkHarness(server)
    #expect(try await harness.send(.readData("good")).map(\.text) == ["read 'good' unmodified"])
    #expect(try await harness.send(.writeData("good")).map(\.text) == ["write 'other' modified"])
    #expect(try await harness.send(.writeData("bad")).map(\.text) == ["close"])
    #expect(asked.withLockedValue { $0 } == ["good false", "good true", "bad true"])
  }

  @Test("a connection that is to be closed keeps what else the reply says, but for its bytes")
  func shouldCloseKeeps() async throws {
    let reply = NetworkReply.reset.settingMetadata(["a": "b"], in: "ns").injecting("bye")
    let resetting = HookedNetwork(closes: { _, _ in true }, read: { _, _ in reply })
    let replies = try await NetworkHarness(resetting).send(.readData("a")).map(\.text)
    #expect(replies == ["write 'bye' modified", "closeRst ns"])
    let passing = HookedNetwork(closes: { _, _ in true }, read: { _, _ in .replace("x").injecting("bye") })
    #expect(try await NetworkHarness(passing).send(.readData("a")).map(\.text) == ["write 'bye' modified", "close"])
  }

  @Test("attributes that a proxy sends again take the place of the first")
  func attributesAgain() async throws {
    let harness = NetworkHarness(NetworkCalloutServer())
    for value in ["1", "2"] {
      _ = try await harness.send(.readData("").withAttributes(["a": .init(stringValue: value)]))
    }
    #expect(harness.context.attribute("a")?.stringValue == "2")
  }

  @Test("a proxy that does not leave the stream is answered on, for old Envoys do not know that")
  func stays() async throws {
    let harness = NetworkHarness(HookedNetwork(read: { _, _ in .continue.closingStream() }))
    #expect(try await harness.send(.readData("a")).map(\.text) == ["read 'a' unmodified leaves"])
    #expect(try await harness.send(.readData("b")).map(\.text) == ["read 'b' unmodified leaves"])
  }

  @Test("what crosses a close on its way is not asked about, nor answered")
  func crossing() async throws {
    let asked = NIOLockedValueBox(0)
    let server = HookedNetwork(read: { _, _ in
      asked.withLockedValue { $0 += 1 }
      return .close
    })
    let harness = NetworkHarness(server)
    #expect(try await harness.send(.readData("a")).map(\.text) == ["close"])
    #expect(try await harness.send(.readData("b")).isEmpty)
    #expect(asked.withLockedValue { $0 } == 1)
    await harness.end()
  }

  @Test(
    "a hook that throws gives what the policy says, and one line in the log",
    arguments: [
      (NetworkCalloutServer.FailurePolicy.close, ["close"]), (.reset, ["closeRst"]),
      (.passThrough, ["read 'a' unmodified"]),
    ], [HookExecutor.eventLoop, .concurrent])
  func failure(policy: (NetworkCalloutServer.FailurePolicy, [String]), executor: HookExecutor) async throws {
    let log = LogRecorder()
    let server = HookedNetwork(executor: executor, policy: policy.0, read: { _, _ in throw HookFailure() })
    try await withRunningServer(server, logger: log.logger) { running in
      let stream = try await running.client().networkStream()
      try await stream.send(.readData("a"))
      #expect(try await stream.next()?.text == policy.1[0])
      stream.halfClose()
      #expect(try await stream.next() == nil)
    }
    #expect(log.entries(atLeast: .error).map(\.message) == ["callout failed"])
    let ending = try await server.endings.next()
    switch (ending, policy.0) {
    case (.failed(let error), .close), (.failed(let error), .reset): #expect(error is HookFailure)
    case (.completed, .passThrough): break
    default: Issue.record("\(ending)")
    }
  }

  @Test("a start hook that throws is such a failure, and a denial closes without an error in the log")
  func start() async throws {
    let failing = HookedNetwork(start: { _ in throw HookFailure() })
    await #expect(throws: HookFailure.self) { try await NetworkHarness(failing).send(.readData("a")) }
    let log = LogRecorder()
    let denying = HookedNetwork(policy: .passThrough, start: { _ in throw Denial("no") })
    let harness = NetworkHarness(denying, logger: log.logger)
    #expect(try await harness.send(.readData("a")).map(\.text) == ["close"])
    #expect(log.entries(atLeast: .info).isEmpty)
  }

  @Test(
    "a connection whose stream is reset while a hook waits is cancelled, and its hook told",
    arguments: [
      HookExecutor.eventLoop, .concurrent,
    ])
  func cancelled(executor: HookExecutor) async throws {
    let (started, cancelled) = (Signal<Void>(), Signal<Void>())
    let server = HookedNetwork(
      executor: executor,
      read: { _, _ in
        started.send(())
        try? await Task.sleep(for: .seconds(3_600))
        cancelled.send(())
        return .continue
      })
    try await withRunningServer(server) { running in
      let stream = try await running.client().networkStream()
      try await stream.send(.readData("a"))
      try await started.next()
      stream.reset()
      try await cancelled.next()
      #expect(try await server.endings.next().isCancelled)
    }
  }

  @Test("with everything answered, a reset is a normal end")
  func completed() async throws {
    let server = HookedNetwork()
    let log = LogRecorder()
    try await withRunningServer(server, logger: log.logger) { running in
      let stream = try await running.client().networkStream()
      _ = try await stream.reply(to: .readData("a"))
      stream.reset()
      #expect(try await server.endings.next().isCompleted)
    }
    #expect(log.entries(atLeast: .warning).isEmpty)
  }

  @Test(
    "hooks run on the event loop, or off it where the configuration says so; answers keep their order",
    arguments: [
      HookExecutor.eventLoop, .concurrent,
    ])
  func executor(executor: HookExecutor) async throws {
    let server = HookedNetwork(
      executor: executor,
      read: { data, context in
        // Of NIO's loops none belongs to the shared thread pool.
        let isOnLoop = MultiThreadedEventLoopGroupCurrent.isOnLoop
        await Task.yield()
        return .replace("\(data.string) \(isOnLoop) \(MultiThreadedEventLoopGroupCurrent.isOnLoop)")
      })
    try await withRunningServer(server) { running in
      let stream = try await running.client().networkStream()
      for number in 0..<50 { try await stream.send(.readData("\(number)")) }
      let onLoop = executor == .eventLoop
      for number in 0..<50 {
        #expect(try await stream.next()?.text == "read '\(number) \(onLoop) \(onLoop)' modified")
      }
    }
  }
}
