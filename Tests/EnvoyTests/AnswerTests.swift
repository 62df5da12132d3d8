// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Logging
import SwiftProtobuf
import Synchronization
import Testing

/// Does what the request's path says.
private final class Obeying: CalloutServer, @unchecked Sendable {
  struct Failure: Error {}
  let seen = Mutex<[String]>([])
  private var policy = FailurePolicy.failStream

  convenience init(_ policy: FailurePolicy = .failStream) {
    self.init()
    self.policy = policy
  }

  override var configuration: Configuration {
    var configuration = Configuration()
    configuration.failurePolicy = PerPhase(policy)
    return configuration
  }

  override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    seen.withLock { $0.append(headers.path ?? "") }
    switch headers.path {
    case "/throw": throw Failure()
    case "/illegal": return .mutate(set: ["bad name": "1"])
    case "/deny":
      return .immediate(
        ImmediateResponse(status: 403, headers: ["x-why": "not you"], body: "no entry", details: "denied"))
    case "/append": return .mutate(append: ["x-list": "b"])
    default: return .continue
    }
  }

  override func onResponseHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    let path = context.attribute("request.path")?.stringValue ?? "none"
    let code = context.attribute("response.code")?.numberValue ?? 0
    return .mutate(set: ["x-attributes": "\(path) \(Int(code))"])
  }
}

@Suite(
  "Answers behind Envoy", .enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"),
  .timeLimit(.minutes(2)))
struct AnswerTests {
  @Test("a hook that throws, or a reply that Envoy would refuse, is a 500, and the next request passes")
  func failClosed() async throws {
    try await withEnvoyProxy(Obeying()) { proxy in
      let connection = try await proxy.connect()
      for path in ["/throw", "/illegal"] {
        #expect(try await connection.get(path).status == 500)
        #expect(try await connection.get("/").status == 200)
      }
      #expect(proxy.log.entries(atLeast: .error).count == 2)
      #expect(try await proxy.envoy.statistic("cluster.callout.upstream_cx_total") == 1)
    }
  }

  @Test("with failure_mode_allow the request goes on without the callout")
  func failOpen() async throws {
    try await withEnvoyProxy(Obeying(), filter: { $0.failureModeAllow = true }) { proxy in
      let connection = try await proxy.connect()
      for path in ["/throw", "/illegal"] {
        let response = try await connection.get(path)
        #expect(response.status == 200)
        #expect(response.text.hasPrefix("GET \(path)\n"))
      }
    }
  }

  @Test("a failure policy's own answer prevails over failure_mode_allow")
  func policy() async throws {
    let policy = CalloutServer.FailurePolicy.immediate(ImmediateResponse(status: 503, body: "later"))
    try await withEnvoyProxy(Obeying(policy), filter: { $0.failureModeAllow = true }) { proxy in
      let response = try await proxy.connect().get("/throw")
      #expect(response.status == 503)
      #expect(response.text == "later")
    }
  }

  @Test("an immediate response is what the client gets, and the upstream nothing", arguments: [false, true])
  func immediate(failureModeAllow: Bool) async throws {
    let seen = Seen()
    let upstream: HTTPUpstream.Responder = { request in
      seen.note(request)
      return HTTPResponse()
    }
    try await withEnvoyProxy(
      Obeying(), upstream: upstream, filter: { $0.failureModeAllow = failureModeAllow }
    ) { proxy in
      let response = try await proxy.connect().get("/deny")
      #expect(response.status == 403)
      #expect(response.fields["x-why"] == "not you")
      #expect(response.text == "no entry")
      #expect(seen.count == 0)
    }
  }

  @Test("an appended value joins those that are there")
  func append() async throws {
    try await withEnvoyProxy(Obeying()) { proxy in
      let text = try await proxy.connect().get("/append", fields: ["x-list": "a"]).text
      #expect(text.split(separator: "\n").filter { $0.hasPrefix("x-list: ") } == ["x-list: a", "x-list: b"])
    }
  }

  @Test("attributes of the request and of the response are there together in the response's hook")
  func attributes() async throws {
    let filter: (inout EnvoyConfiguration.Callout) -> Void = {
      $0.requestAttributes = ["request.path"]
      $0.responseAttributes = ["response.code"]
    }
    try await withEnvoyProxy(Obeying(), filter: filter) { proxy in
      let response = try await proxy.connect().get("/a?b")
      #expect(response.fields["x-attributes"] == "/a?b 200")
    }
  }

  @Test("a callout that only observes sees everything and changes nothing")
  func observability() async throws {
    let callout = Obeying()
    try await withEnvoyProxy(callout, filter: { $0.observabilityMode = true }) { proxy in
      let connection = try await proxy.connect()
      for path in ["/", "/deny", "/append"] {
        let response = try await connection.get(path)
        #expect(response.text.hasPrefix("GET \(path)\n"))
      }
      // Envoy does not wait for the callout, so the last may still be on its way.
      while callout.seen.withLock(\.count) < 3 {
        try Task.checkCancellation()
        await Task.yield()
      }
      #expect(callout.seen.withLock { $0 } == ["/", "/deny", "/append"])
    }
  }
}
