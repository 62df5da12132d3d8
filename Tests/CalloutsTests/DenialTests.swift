// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import SwiftProtobuf
import Testing

@Suite("Denials and policies of phases")
struct DenialTests {
  @Test("a denial is an immediate response in every phase, whatever the policy")
  func everyPhase() async throws {
    let messages: [ProcessingRequestMessage] = [
      .requestHeaders([:]), .requestBody("a"), .requestTrailers([:]), .responseHeaders([:]), .responseBody("a"),
      .responseTrailers([:]),
    ]
    for message in messages {
      let server = Given(
        { $0.failurePolicy = PerPhase(.passThrough) }, headers: { _, _ in throw Denial("no") },
        body: { _, _ in throw Denial("no") }, trailers: { _, _ in throw Denial("no") })
      let reply = try await CalloutHarness(server).reply(to: message)
      #expect(reply.immediateResponse.status.code.rawValue == 403)
      #expect(reply.immediateResponse.body == .init("no".utf8))
      #expect(reply.immediateResponse.details == "denied_by_callout")
    }
  }

  @Test("a denial may be an answer of one's own, or a gRPC status")
  func forms() async throws {
    let own = Given(headers: { _, _ in throw Denial(ImmediateResponse(status: 401, body: "who?")) })
    #expect(try await CalloutHarness(own).reply(to: .requestHeaders([:])).immediateResponse.status.code.rawValue == 401)
    let status = Given({ $0.failurePolicy = PerPhase(.passThrough) }, headers: { _, _ in throw Denial.grpcStatus() })
    await #expect(throws: Denial.self) { try await CalloutHarness(status).send(.requestHeaders([:])) }
  }

  @Test("each phase has its own policy")
  func phases() async throws {
    struct Failure: Error {}
    let server = Given(
      {
        $0.failurePolicy[.requestHeaders] = .passThrough
        $0.failurePolicy[.requestBody] = .immediate(ImmediateResponse(status: 503, body: ""))
      }, headers: { _, _ in throw Failure() }, body: { _, _ in throw Failure() })
    let harness = CalloutHarness(server)
    #expect(try await harness.reply(to: .requestHeaders([:])) == .with { $0.requestHeaders = .init() })
    #expect(try await harness.reply(to: .requestBody("")).immediateResponse.status.code.rawValue == 503)
    await #expect(throws: Failure.self) { try await CalloutHarness(server).send(.responseHeaders([:])) }
  }
}
