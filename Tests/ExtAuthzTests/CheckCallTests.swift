// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutServing
import ExtAuthz
import ExtProcTesting
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing

@Suite("Calls of authorization servers", .timeLimit(.minutes(1)))
struct CheckCallTests {
  private static let path = "/envoy.service.auth.v3.Authorization/Check"

  private var oneThread: ServerConfiguration {
    var configuration = ServerConfiguration.loopback
    configuration.threads = 1
    return configuration
  }

  @Test("many calls on one connection, each with its own answer", arguments: [HookExecutor.eventLoop, .concurrent])
  func many(executor: HookExecutor) async throws {
    let server = Asked(executor: executor) { request, _ in
      if request.path.hasSuffix("1") { await Task.yield() }
      return .allow(set: ["x-path": request.path])
    }
    try await withRunningServer(server) { server in
      let client = try await server.client()
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        for number in 0..<200 {
          tasks.addTask {
            let reply = try await client.check(.check("GET", "/\(number)"))
            #expect(reply.okResponse.headers.first?.header.value == "/\(number)")
          }
        }
        try await tasks.waitForAll()
      }
    }
  }

  @Test("hooks run on the event loop, or off it, and are answered in either case")
  func executors() async throws {
    let onLoop = NIOLockedValueBox<[Bool]>([])
    for executor in [HookExecutor.eventLoop, .concurrent] {
      let server = Asked(executor: executor) { _, _ in
        // Before and after a wait.
        onLoop.withLockedValue { $0.append(MultiThreadedEventLoopGroup.currentEventLoop != nil) }
        await Task.yield()
        onLoop.withLockedValue { $0.append(MultiThreadedEventLoopGroup.currentEventLoop != nil) }
        return .allow
      }
      try await withRunningServer(server) { _ = try await $0.client().check(.check()) }
    }
    #expect(onLoop.withLockedValue { $0 } == [true, true, false, false])
  }

  @Test(
    "a call that the proxy gives up has its hook cancelled, and gives its place back",
    arguments: [HookExecutor.eventLoop, .concurrent])
  func cancelled(executor: HookExecutor) async throws {
    let (begun, begins) = AsyncStream.makeStream(of: Void.self)
    let (ended, ends) = AsyncStream.makeStream(of: Bool.self)
    let server = Asked(executor: executor) { request, _ in
      guard request.path == "/wait" else { return .allow }
      begins.yield()
      try? await Task.sleep(for: .seconds(600))
      ends.yield(Task.isCancelled)
      return .allow
    }
    var configuration = oneThread
    configuration.limits.streamsPerConnection = 2
    try await withRunningServer(server, configuration: configuration) { server in
      let client = try await server.client()
      var (begun, ended) = (begun.makeAsyncIterator(), ended.makeAsyncIterator())
      for _ in 0..<10 {
        let call = try await client.channel.call(Self.path)
        try await call.send(CheckRequestMessage.check("GET", "/wait"))
        #expect(await begun.next() != nil)
        call.cancel()
        #expect(await ended.next() == true)
        #expect(try await client.check(.check()).status.code == 0)
      }
    }
  }

  @Test("a hook is not cancelled by its own answer, nor are those after it")
  func notCancelled() async throws {
    let server = Asked { _, _ in Task.isCancelled ? .deny() : .allow }
    try await withRunningServer(server, configuration: oneThread) { server in
      let client = try await server.client()
      for _ in 0..<20 { #expect(try await client.check(.check()).status.code == 0) }
    }
  }

  @Test("bytes that are no request are INVALID_ARGUMENT, and no request at all is INTERNAL")
  func noRequest() async throws {
    try await withRunningServer(Asked(.allow)) { server in
      let client = try await server.client()
      let garbage = try await client.channel.call(Self.path)
      try await garbage.send(ByteBuffer(bytes: [0xff, 0xff]))
      #expect(await garbage.ending.status.code == .invalidArgument)
      let empty = try await client.channel.call(Self.path)
      empty.halfClose()
      #expect(await empty.ending.status == GRPCStatus(.internal, "the call ended without a request"))
      #expect(try await client.check(.check()).status.code == 0)
    }
  }

  @Test("a call's deadline ends it, and its hook")
  func deadline() async throws {
    let cancelled = NIOLockedValueBox<[Bool]>([])
    let server = Asked { _, _ in
      try? await Task.sleep(for: .seconds(600))
      cancelled.withLockedValue { $0.append(Task.isCancelled) }
      return .allow
    }
    try await withRunningServer(server) { server in
      let client = try await server.client()
      // The deadline may pass before the hook begins.
      while cancelled.withLockedValue({ $0.isEmpty }) {
        try Task.checkCancellation()
        let status = await #expect(throws: GRPCStatus.self) {
          try await client.check(.check(), timeout: .milliseconds(50))
        }
        #expect(status?.code == .deadlineExceeded)
      }
      #expect(cancelled.withLockedValue { $0.allSatisfy(\.self) })
    }
  }

  @Test("a shutdown ends calls whose hooks take longer than the grace period with UNAVAILABLE")
  func shutdown() async throws {
    let (begun, begins) = AsyncStream.makeStream(of: Void.self)
    let server = Asked { _, _ in
      begins.yield()
      try await Task.sleep(for: .seconds(600))
      return .allow
    }
    try await withRunningServer(server) { server in
      let client = try await server.client()
      let call = try await client.channel.call(Self.path)
      try await call.send(CheckRequestMessage.check())
      var iterator = begun.makeAsyncIterator()
      _ = await iterator.next()
      await server.beginShutdown()
      #expect(await call.ending.status.code == .unavailable)
    }
  }

  @Test("a hook sees who calls, and with what metadata")
  func context() async throws {
    let server = Asked { _, context in
      let metadata = context.initialMetadata.filter { $0.name.hasPrefix("x-") }.map { "\($0.name)=\($0.value)" }
      return .allow(set: ["x-peer": context.peer ?? "", "x-metadata": metadata.joined(separator: ",")])
    }
    try await withRunningServer(server) { server in
      let reply = try await server.client().check(.check(), metadata: ["x-b": "1", "x-a": "2"])
      #expect(reply.okResponse.headers[0].header.value.contains("127.0.0.1"))
      #expect(reply.okResponse.headers[1].header.value == "x-b=1,x-a=2")
    }
  }
}
