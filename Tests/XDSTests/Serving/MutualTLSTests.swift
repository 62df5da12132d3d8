// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutServing
import CalloutTransport
import EnvoyAPI
import ExtProcTesting
import Foundation
import Logging
import SwiftProtobuf
import Testing
import XDSConfig

@testable import XDS

@Suite("A control plane that serves proxies with a certificate", .timeLimit(.minutes(1)))
struct MutualTLSTests {
  private typealias StatusResponse = Envoy_Service_Status_V3_ClientStatusResponse
  private let edge = try? TLSIdentity.selfSigned(subject: "edge-1", names: "DNS:edge-1")
  private let other = try? TLSIdentity.selfSigned(subject: "edge-2", names: "DNS:edge-2,URI:spiffe://test/edge-2")
  private let stranger = try? TLSIdentity.selfSigned(subject: "edge-1", names: "DNS:edge-1")

  private struct Server {
    let address: ListenAddress
    let certificate: [UInt8]

    func channel(_ identity: TLSIdentity?) async throws -> GRPCChannel {
      var tls = GRPCChannel.TLS(trustRoots: certificate, serverName: "localhost")
      tls.identity = identity.map { .init(certificateChain: $0.certificateChain, privateKey: $0.privateKey) }
      return try await GRPCChannel.connect(to: address.resolve(), configuration: GRPCChannel.Configuration(tls: tls))
    }

    func post(_ identity: TLSIdentity?, node: String) async throws -> HTTPResponse {
      let connection = try await HTTPConnection.connect(
        to: address, trusting: certificate, identity: identity.map { ($0.certificateChain, $0.privateKey) })
      return try await connection.send(
        HTTPRequest("POST", "/v3/discovery:listeners", body: #"{"node": {"id": "\#(node)"}}"#))
    }
  }

  /// Serves a described proxy to clients with the certificates `edge` and `other`.
  private func run(_ body: (Server) async throws -> Void) async throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "authorities-\(UUID().uuidString).pem")
    let authorities = try [#require(edge), #require(other)].flatMap(\.certificateChain)
    try Data(authorities).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    var configuration = ServerConfiguration.loopback
    configuration.proxy = try ProxyConfiguration(yaml: "listeners: [{ name: web, address: ':80', routes: [] }]")
    configuration.xdsAddress = .ip("127.0.0.1", 0)
    configuration.xdsClientAuthoritiesPath = file.path
    configuration.disableTLS = true
    configuration.disablePlaintext = true
    configuration.combinedHealthCheck = true
    let service = CalloutService(
      [] as [any ServableCallout], configuration: configuration, logger: LogRecorder().logger)
    try await withRunningServer(service) { running in
      let address = try #require(running.addresses.xds)
      try await body(Server(address: address, certificate: running.addresses.certificateChain))
    }
  }

  /// The names of the listeners that a node gets, or how its stream ends.
  private func listeners(
    _ server: Server, _ identity: TLSIdentity?, _ node: String, _ speaks: DiscoveryProtocol, _ type: ResourceType? = nil
  ) async throws -> Int {
    switch speaks {
    case .stateOfTheWorld:
      let stream = try await server.channel(identity).discoveryStream(type)
      try await stream.send(.asking(of: .listener, nodeID: node))
      return try await stream.next(.listener).resources.count
    case .delta:
      let stream = try await server.channel(identity).deltaDiscoveryStream(type)
      try await stream.send(.asking(of: .listener, nodeID: node))
      return try await stream.next(.listener).resources.count
    }
  }

  @Test("who has no certificate, or one of another authority, is not served")
  func strangers() async throws {
    try await run { server in
      for identity in [nil, stranger] {
        for speaks in DiscoveryProtocol.allCases {
          let error = await #expect(throws: GRPCStatus.self) {
            try await listeners(server, identity, "edge-1", speaks)
          }
          #expect(error?.code == .unavailable)
        }
        await #expect(throws: (any Error).self) { try await server.post(identity, node: "edge-1") }
      }
    }
  }

  @Test("who has the certificate of its node is, by every way")
  func served() async throws {
    try await run { server in
      for speaks in DiscoveryProtocol.allCases {
        #expect(try await listeners(server, edge, "edge-1", speaks) == 1)
        #expect(try await listeners(server, edge, "edge-1", speaks, .listener) == 1)
        #expect(try await listeners(server, other, "spiffe://test/edge-2", speaks) == 1)
      }
      #expect(try await fetch(server, edge, .asking(of: .listener, nodeID: "edge-1")) == 1)
      let response = try await server.post(edge, node: "edge-1")
      #expect(response.status == 200 && response.text.contains(#""name":"web""#), "\(response.text)")
    }
  }

  @Test("who asks for another node's configuration is denied it, by every way", arguments: ["edge-1", ""])
  func otherNode(node: String) async throws {
    let denied = GRPCStatus(.permissionDenied, "node '\(node)' is not whom the client's certificate names")
    try await run { server in
      for speaks in DiscoveryProtocol.allCases {
        for type in [nil, ResourceType.listener] {
          await #expect(throws: denied) { try await listeners(server, other, node, speaks, type) }
        }
      }
      await #expect(throws: denied) { try await fetch(server, other, .asking(of: .listener, nodeID: node)) }
      let response = try await server.post(other, node: node)
      #expect(response.status == 403 && response.text == "\(denied.message)\n")
    }
  }

  @Test("who says no node at all is denied too")
  func noNode() async throws {
    try await run { server in
      let stream = try await server.channel(edge).discoveryStream()
      try await stream.send(.with { $0.typeURL = ResourceType.listener.typeURL })
      #expect(await stream.status.code == .permissionDenied)
      await #expect(throws: GRPCStatus.self) { try await fetch(server, edge, .init()) }
    }
  }

  @Test("CSDS shows a proxy nobody but itself")
  func clientStatus() async throws {
    try await run { server in
      let channels = [("edge-1", try await server.channel(edge)), ("edge-2", try await server.channel(other))]
      var streams: [DiscoveryStream] = []
      for (node, channel) in channels {
        streams.append(try await channel.discoveryStream())
        try await streams.last?.send(.asking(of: .listener, nodeID: node))
        _ = try await streams.last?.next(.listener)
      }
      for (node, channel) in channels {
        let status: StatusResponse = try await channel.unary(
          "/envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus",
          Envoy_Service_Status_V3_ClientStatusRequest())
        #expect(status.config.map(\.node.id) == [node])
      }
    }
  }

  private func fetch(
    _ server: Server, _ identity: TLSIdentity?, _ request: Envoy_Service_Discovery_V3_DiscoveryRequest
  ) async throws -> Int {
    let response: Envoy_Service_Discovery_V3_DiscoveryResponse = try await server.channel(identity).unary(
      "/envoy.service.listener.v3.ListenerDiscoveryService/FetchListeners", request)
    return response.resources.count
  }
}
