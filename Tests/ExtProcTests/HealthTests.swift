// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import NIOCore
import NIOPosix
import SwiftProtobuf
import Synchronization
import Testing

@testable import CalloutGRPC

@Suite("Health", .timeLimit(.minutes(1)))
struct HealthTests {
  @Test("any path is 200 without a body, for GET and HEAD, one after another on a connection")
  func anyPath() async throws {
    try await withRunningServer(CalloutServer()) { server in
      let probe = try await HTTPConnection.connect(to: server.addresses.healthCheck!)
      for path in ["/", "/health", "/ready", "/live", "/a?b=c"] {
        for method in ["GET", "HEAD"] {
          let response = try await probe.send(HTTPRequest(method, path))
          #expect(response.status == 200)
          #expect(response.body.readableBytes == 0)
        }
      }
    }
  }

  @Test("pages are shown at their paths, made anew for each request, and health at all others")
  func pages() async throws {
    let asked = Mutex(0)
    var configuration = ServerConfiguration.loopback
    configuration.healthPages["/page"] = {
      .init(contentType: "text/plain", body: Array("request \(asked.withLock { $0 += 1; return $0 })".utf8))
    }
    try await withRunningServer(CalloutServer(), configuration: configuration) { server in
      let probe = try await HTTPConnection.connect(to: server.addresses.healthCheck!)
      #expect(try await probe.get("/page").text == "request 1")
      let page = try await probe.get("/page?a=b")
      #expect(page.text == "request 2" && page.fields["content-type"] == "text/plain")
      let head = try await probe.send(HTTPRequest("HEAD", "/page"))
      #expect(head.text == "" && head.fields["content-length"] == "9")
      #expect(try await probe.send(HTTPRequest("POST", "/page")).status == 405)
      #expect(try await probe.get("/page/").text == "")
    }
  }

  @Test("another method is 405", arguments: ["POST", "PUT", "DELETE"])
  func otherMethods(method: String) async throws {
    try await withRunningServer(CalloutServer()) { server in
      let probe = try await HTTPConnection.connect(to: server.addresses.healthCheck!)
      #expect(try await probe.send(HTTPRequest(method, "/", body: "a")).status == 405)
    }
  }

  @Test("/ready is 503 when the callout says that it does not serve, and only that")
  func notServing() async throws {
    try await withRunningServer(CalloutServer()) { server in
      let probe = try await HTTPConnection.connect(to: server.addresses.healthCheck!)
      server.health.set(.notServing)
      #expect(try await probe.get("/ready").status == 503)
      #expect(try await probe.get("/ready?verbose").status == 503)
      #expect(try await probe.get("/live").status == 200)
      #expect(try await probe.get("/").status == 200)
      server.health.set(.serving)
      #expect(try await probe.get("/ready").status == 200)
    }
  }

  @Test("/ready is 503 while the server drains, when streams are still taken")
  func draining() async throws {
    var configuration = ServerConfiguration.loopback
    // Room for a machine that is busy with other tests.
    configuration.drainDelay = .seconds(20)
    try await withRunningServer(CalloutServer(), configuration: configuration) { server in
      let probe = try await HTTPConnection.connect(to: server.addresses.healthCheck!)
      let client = try await server.client()
      await server.beginShutdown()
      try await until { try await probe.get("/ready").status == 503 }
      #expect(try await probe.get("/live").status == 200)
      #expect(try await client.health("") == .notServing)
      _ = try await client.stream().reply(to: .requestHeaders([:]))
      _ = try await server.client().stream().reply(to: .requestHeaders([:]))
      await client.close()
    }
  }

  @Test("probes that send half a request do not hold up others")
  func slowProbes() async throws {
    var configuration = ServerConfiguration.loopback
    configuration.threads = 1
    try await withRunningServer(CalloutServer(), configuration: configuration) { server in
      let address = try server.addresses.healthCheck!.resolve()
      let slow = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      for _ in 0..<2 {
        let channel = try await slow.connect(to: address).get()
        try await channel.writeAndFlush(ByteBuffer(string: "GET / HTTP/1.1\r\nhost"))
      }
      let probe = try await HTTPConnection.connect(to: server.addresses.healthCheck!)
      #expect(try await probe.get("/").status == 200)
    }
  }

  @Test(
    "a secure health check speaks HTTPS with the server's certificate, also without TLS for callouts",
    arguments: [false, true])
  func secure(disableTLS: Bool) async throws {
    var configuration = ServerConfiguration.loopback
    configuration.secureHealthCheck = true
    configuration.disableTLS = disableTLS
    try await withRunningServer(CalloutServer(), configuration: configuration) { server in
      let addresses = server.addresses
      let probe = try await HTTPConnection.connect(to: addresses.healthCheck!, trusting: addresses.certificateChain)
      #expect(try await probe.get("/").status == 200)
    }
  }

  @Test("a combined health check has no listener of its own")
  func combined() async throws {
    var configuration = ServerConfiguration.loopback
    configuration.combinedHealthCheck = true
    try await withRunningServer(CalloutServer(), configuration: configuration) { server in
      #expect(server.addresses.healthCheck == nil)
      let status = try await server.client().health("")
      #expect(status == .serving)
    }
  }

  @Test("grpc.health.v1 knows the server and ext_proc by name, and nothing else")
  func grpcHealth() async throws {
    try await withRunningServer(CalloutServer()) { server in
      for client in [try await server.client(), try await server.secureClient()] {
        #expect(try await client.health("") == .serving)
        #expect(try await client.health("envoy.service.ext_proc.v3.ExternalProcessor") == .serving)
        let status = await #expect(throws: GRPCStatus.self) { try await client.health("other") }
        #expect(status?.code == .notFound)
      }
    }
  }
}

extension CalloutClient {
  fileprivate func health(_ service: String) async throws -> Grpc_Health_V1_HealthCheckResponse.ServingStatus {
    let request = Grpc_Health_V1_HealthCheckRequest.with { $0.service = service }
    let response: Grpc_Health_V1_HealthCheckResponse =
      try await channel.unary("/grpc.health.v1.Health/Check", request)
    return response.status
  }
}
