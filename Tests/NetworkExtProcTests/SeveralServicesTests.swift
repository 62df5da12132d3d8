// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutServing
import ExtAuthz
import ExtProc
import ExtProcTesting
import Logging
import NetworkExtProc
import Testing

@Suite("Several callouts in one process", .timeLimit(.minutes(1)))
struct SeveralServicesTests {
  @Test("are refused at start where two are the same, for one would never be asked")
  func twice() async throws {
    let services = [NetworkCalloutServer().grpcService(), HookedNetwork().grpcService()]
    let service = CalloutService(services, configuration: .loopback, logger: LogRecorder().logger)
    let error = await #expect(throws: StartupError.self) { try await service.run() }
    #expect(error?.description.contains("NetworkExternalProcessor is served twice") == true)
  }

  @Test("are served on one port, each with its health, and reflected")
  func together() async throws {
    let services = [
      CalloutServer().grpcService(), NetworkCalloutServer().grpcService(), AuthorizationServer().grpcService(),
    ]
    let service = CalloutService(services, configuration: .loopback, logger: LogRecorder().logger)
    try await withRunningServer(service) { server in
      let client = try await server.client()
      let headers = try await client.stream().reply(to: .requestHeaders([":path": "/"]))
      #expect(headers.response == .requestHeaders(.init()))
      let data = try await client.networkStream().reply(to: .readData("a"))
      #expect(data.text == "read 'a' unmodified")
      let decision = try await client.check(.check())
      #expect(decision.status.code == 0)
      for name in services.map(\.name) { #expect(server.health.status(of: name) == .serving) }
    }
  }
}
