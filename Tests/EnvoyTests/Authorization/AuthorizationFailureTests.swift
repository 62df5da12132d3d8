// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Logging
import NIOConcurrencyHelpers
import Testing

@Suite(
  "Failing authorization behind Envoy",
  .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"), .timeLimit(.minutes(1)))
struct AuthorizationFailureTests {
  private struct Failure: Error {}

  @Test("an error is the server's answer, or lets the request pass where failures are allowed")
  func error() async throws {
    let server = Asked { request in
      request.path == "/" ? .error() : .error(status: 503, headers: ["x-retry": "1"], body: "later")
    }
    for allows in [false, true] {
      try await withEnvoyProxy(
        server,
        filter: {
          $0 = try .init(
            $0.address,
            AuthorizationFilter {
              ($0.failureModeAllow, $0.statusOnError) = (allows, 504)
            })
        }
      ) { proxy in
        let connection = try await proxy.connect()
        #expect(try await connection.get("/").status == (allows ? 200 : 504))
        let response = try await connection.get("/later")
        #expect(response.status == (allows ? 200 : 503) && (response.text == "later") == !allows)
        #expect(response.fields["x-retry"] == (allows ? nil : "1"))
      }
    }
  }

  @Test(
    "a hook that throws, or replies with what Envoy would refuse, is the operator's choice", arguments: [false, true])
  func failure(allows: Bool) async throws {
    let server = Asked { request in
      if request.path == "/throw" { throw Failure() }
      return .allow(set: ["a": "\n"])
    }
    try await withEnvoyProxy(server, filter: { $0.failureModeAllow = allows }) { proxy in
      let connection = try await proxy.connect()
      for path in ["/throw", "/illegal"] {
        #expect(try await connection.get(path).status == (allows ? 200 : 403))
      }
      #expect(proxy.log.entries(atLeast: .error).count == 2)
    }
  }

  @Test("a server that is down is a failure too", arguments: [false, true])
  func down(allows: Bool) async throws {
    try await withEnvoyProxy(
      AuthorizationServer(),
      filter: {
        $0.address = .unix("/nobody/listens/here")
        $0.failureModeAllow = allows
      }
    ) { proxy in
      let response = try await proxy.connect().get("/")
      #expect(response.status == (allows ? 200 : 403))
    }
  }

  @Test("a call that takes longer than Envoy waits is given up, and its hook cancelled")
  func late() async throws {
    final class Slow: AuthorizationServer, @unchecked Sendable {
      let cancelled = NIOLockedValueBox<[Bool]>([])
      override func onCheck(_ request: CheckRequest, context: CheckContext) async throws -> CheckReply {
        try? await Task.sleep(for: .seconds(600))
        cancelled.withLockedValue { $0.append(Task.isCancelled) }
        return .allow
      }
    }
    let server = Slow()
    let filter: (inout EnvoyConfiguration.Authorization) -> Void = {
      $0.furtherJSON = #"{"grpc_service": {"envoy_grpc": {"cluster_name": "authorization"}, "timeout": "0.05s"}}"#
    }
    try await withEnvoyProxy(server, filter: filter) { proxy in
      #expect(try await proxy.connect().get("/").status == 403)
      while server.cancelled.withLockedValue({ $0.isEmpty }) {
        try Task.checkCancellation()
        await Task.yield()
      }
      #expect(server.cancelled.withLockedValue { $0 } == [true])
    }
  }

  @Test("many requests at once", arguments: [HookExecutor.eventLoop, .concurrent])
  func many(executor: HookExecutor) async throws {
    final class Half: AuthorizationServer, @unchecked Sendable {
      var executor = HookExecutor.eventLoop
      override var configuration: Configuration {
        var configuration = Configuration()
        configuration.hookExecutor = executor
        return configuration
      }
      override func onCheck(_ request: CheckRequest, context: CheckContext) async throws -> CheckReply {
        await Task.yield()
        return request.path.hasSuffix("0") ? .deny(body: request.path) : .allow(set: ["x-path": request.path])
      }
    }
    let server = Half()
    server.executor = executor
    try await withEnvoyProxy(server) { proxy in
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        for client in 0..<8 {
          tasks.addTask {
            let connection = try await proxy.connect()
            for number in 0..<50 {
              let path = "/\(client)/\(number)"
              let response = try await connection.get(path)
              if path.hasSuffix("0") {
                #expect(response.status == 403 && response.text == path)
              } else {
                #expect(response.status == 200 && response.text.contains("x-path: \(path)\n"))
              }
            }
          }
        }
        try await tasks.waitForAll()
      }
    }
  }
}
