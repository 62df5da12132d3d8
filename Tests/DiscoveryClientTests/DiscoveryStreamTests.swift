// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import ExtProcTesting
import Testing

@Suite("Streams of discovery, message by message", .timeLimit(.minutes(1)))
struct DiscoveryStreamTests {
  /// Answers every request for clusters, and sends listeners besides where it is asked for the cluster `noise`.
  private static let services = ScriptedServer.aggregated { request, responses in
    guard !request.hasErrorDetail else { throw GRPCStatus(.aborted, request.errorDetail.message) }
    guard request.typeURL == ResourceType.cluster.typeURL else { return }
    if request.resourceNames == ["noise"] { try await responses.send(Response.of(.listener, "1", [])) }
    try await responses.send(Response.of(.cluster, request.responseNonce, nonce: request.node.id, []))
  }

  @Test("a request is answered, and accepted")
  func reply() async throws {
    try await ScriptedServer.run(Self.services) { channel in
      let stream = try await channel.discoveryStream()
      try await stream.send(.asking(of: .cluster, nodeID: "me"))
      let response = try await stream.next(.cluster)
      #expect(response.nonce == "me")
      #expect(try await stream.reply(to: .answering(response)).versionInfo == "me")
      stream.reset()
    }
  }

  @Test("silence is seen, and noise is too")
  func silence() async throws {
    try await ScriptedServer.run(Self.services) { channel in
      let stream = try await channel.discoveryStream()
      try await stream.send(.asking(for: ["l"], of: .listener))
      try await stream.expectSilence(before: .asking(of: .cluster), of: .cluster)
      await #expect(throws: UnexpectedResponse.self) {
        try await stream.expectSilence(before: .asking(for: ["noise"], of: .cluster), of: .cluster)
      }
      stream.reset()
    }
  }

  @Test("a refusal says why, and which version is kept; the end has its status")
  func refusal() async throws {
    try await ScriptedServer.run(Self.services) { channel in
      let stream = try await channel.discoveryStream()
      let response = try await stream.reply(to: .asking(of: .cluster))
      let refusal = Request.answering(response, for: ["a"], refusing: "bad", keeping: "0")
      #expect(refusal.versionInfo == "0")
      #expect(refusal.resourceNames == ["a"])
      try await stream.send(refusal)
      #expect(await stream.status == GRPCStatus(.aborted, "bad"))
    }
  }

  @Test("incremental streams have the same")
  func incremental() async throws {
    let services = ScriptedServer.aggregatedDelta { request, responses in
      guard !request.hasErrorDetail else { throw GRPCStatus(.aborted, request.errorDetail.message) }
      let names = request.resourceNamesSubscribe.map { Body.named($0) }
      let removed = request.resourceNamesUnsubscribe + request.initialResourceVersions.keys
      try await responses.send(
        DeltaResponse.delta(ResourceType(typeURL: request.typeURL), "1", names, removed: removed))
    }
    try await ScriptedServer.run(services) { channel in
      let stream = try await channel.deltaDiscoveryStream()
      let response = try await stream.reply(
        to: .asking(for: ["a"], notFor: ["b"], of: .secret, holding: ["c": "1"]))
      #expect(response.resources.map(\.name) == ["a"])
      #expect(response.removedResources == ["b", "c"])
      try await stream.send(.answering(response))
      _ = try await stream.next(.secret)
      try await stream.send(.answering(response, refusing: "bad"))
      #expect(await stream.status == GRPCStatus(.aborted, "bad"))
    }
  }

  @Test("a type without a service has no stream")
  func noService() async throws {
    try await ScriptedServer.run(Self.services) { channel in
      let status = await #expect(throws: GRPCStatus.self) { try await channel.discoveryStream(.rateLimitConfig) }
      #expect(status?.code == .unimplemented)
    }
  }
}
