// SPDX-License-Identifier: Apache-2.0
import EnvoyConfigAPI
import ExtProcTesting
import Foundation
import NIOCore
import SwiftProtobuf
import Testing
import XDSConfig

@testable import XDS

@Suite("Discovery by REST", .timeLimit(.minutes(1)))
struct RESTTests {
  private func post(
    _ connection: HTTPConnection, _ kind: String, _ body: String = "{}"
  ) async throws -> HTTPResponse {
    try await connection.send(
      HTTPRequest("POST", "/v3/discovery:\(kind)", fields: ["content-type": "application/json"], body: body))
  }

  private func resources(_ timeout: Int64 = 1) -> [Resource] {
    let endpoints = ClusterLoadAssignmentMessage.with { $0.clusterName = "a" }
    return [
      Resource(
        ClusterMessage.with {
          $0.name = "a"
          $0.connectTimeout.seconds = timeout
        }), Resource(endpoints), Resource(ListenerMessage.with { $0.name = "a" }),
      Resource(RouteConfigurationMessage.with { $0.name = "a" }),
      Resource(ScopedRouteConfigurationMessage.with { $0.name = "a" }), Resource(SecretMessage.with { $0.name = "a" }),
      Resource(RuntimeMessage.with { $0.name = "a" }), Resource(ExtensionConfigMessage.with { $0.name = "a" }),
    ]
  }

  private func run(
    _ cache: SnapshotCache, _ body: (HTTPConnection, ControlPlane) async throws -> Void
  ) async throws {
    try await ControlPlane.run(cache) { plane in
      let connection = try await HTTPConnection.connect(to: plane.address)
      try await body(connection, plane)
      await connection.close()
    }
  }

  @Test("AC-90: requests that cannot be answered, all on one connection")
  func errors() async throws {
    try await run(SnapshotCache()) { connection, _ in
      #expect(try await connection.get("/hello/").status == 404)
      #expect(try await connection.get("/v3/discovery:clusters").status == 405)
      #expect(try await post(connection, "nothing").status == 404)
      for body in ["", "hello", "[]", "{\"resource_names\": 1}"] {
        let response = try await post(connection, "clusters", body)
        #expect(response.status == 400 && response.text.contains("no DiscoveryRequest in JSON"), "\(body)")
      }
      let nothing = try await post(connection, "clusters", #"{"node": {"id": "n"}}"#)
      #expect(nothing.status == 500 && nothing.text == "nothing is published for node 'n'\n")
    }
  }

  @Test(
    "AC-90: what is published, as JSON with Envoy's names",
    arguments: [
      "clusters", "endpoints", "listeners", "routes", "scoped-routes", "secrets", "runtime", "extension_configs",
    ])
  func found(kind: String) async throws {
    let cache = SnapshotCache()
    cache.publish(try Snapshot(resources()))
    try await run(cache) { connection, _ in
      let request = #"{"node": {"id": "n"}, "no_such_field": [1], "resource_names": ["a", "none"]}"#
      let response = try await post(connection, kind, request)
      #expect(response.status == 200, "\(response.text)")
      #expect(response.fields["content-type"] == "application/json")
      #expect(response.text.contains(#""version_info":"#))
      #expect(response.text.contains(kind == "endpoints" ? #""cluster_name":"a""# : #""name":"a""#))
      if kind == "clusters" { #expect(response.text.contains(#""connect_timeout":"1s""#)) }
    }
  }

  @Test("AC-51, AC-90: who has the version of the moment is told so, until it changes, or other names are asked for")
  func unchanged() async throws {
    let cache = SnapshotCache()
    cache.publish(try Snapshot(resources() + [Resource(ClusterMessage.with { $0.name = "b" })]))
    try await run(cache) { connection, _ in
      func ask(_ names: String, _ version: String) async throws -> (status: Int, version: String, names: Int) {
        let response = try await post(
          connection, "clusters", #"{"version_info": "\#(version)", "resource_names": [\#(names)]}"#)
        let found = response.text.firstMatch(of: /"version_info":"([^"]*)"/)
        return (response.status, found.map { String($0.1) } ?? "", response.text.matches(of: /"name":/).count)
      }
      let all = try await ask("", "")
      #expect(all.status == 200 && all.names == 2)
      #expect(try await ask("", all.version) == (304, "", 0))
      let one = try await ask(#""a""#, "")
      #expect(one.status == 200 && one.names == 1)
      #expect(try await ask(#""a""#, one.version).status == 304)
      #expect(try await ask(#""a", "none""#, one.version).status == 304)
      // It has what it asked for before, and not what it asks for now.
      #expect(try await ask(#""a", "b""#, one.version).names == 2)
      cache.publish(try Snapshot(resources(2)))
      #expect(try await ask("", all.version).names == 1)
      #expect(try await ask(#""a""#, one.version).status == 200)
    }
  }

  @Test("a resource that JSON cannot have is 500 with a reason, and the others go on")
  func unregistered() async throws {
    let cache = SnapshotCache()
    let cluster = ClusterMessage.with {
      $0.name = "a"
      $0.typedExtensionProtocolOptions["x"] = .with { $0.typeURL = "type.googleapis.com/no.such.Message" }
      $0.typedExtensionProtocolOptions["x"]?.value = Data([8, 1])
    }
    cache.publish(try Snapshot([Resource(cluster), Resource(ListenerMessage.with { $0.name = "l" })]))
    try await run(cache) { connection, _ in
      let response = try await post(connection, "clusters")
      #expect(response.status == 500 && response.text.hasPrefix("cannot be answered in JSON: "))
      #expect(try await post(connection, "listeners").status == 200)
    }
  }

  @Test("a body that is too long is 413, and read to its end")
  func tooLong() async throws {
    try await run(SnapshotCache()) { connection, _ in
      let long = String(repeating: " ", count: 4 * 1_024 * 1_024 + 1)
      let refused = try await post(connection, "clusters", long)
      #expect(refused.status == 413)
      #expect(try await post(connection, "clusters", "{}").status == 500)
    }
  }

  @Test("AC-90: gRPC and REST on one port, at the same time")
  func onePort() async throws {
    let cache = SnapshotCache()
    cache.publish(try Snapshot(resources()))
    try await run(cache) { connection, plane in
      let stream = try await plane.channel().discoveryStream()
      try await stream.send(.asking(of: .cluster))
      let first = try await stream.next(.cluster)
      let rest = try await post(connection, "clusters")
      #expect(rest.text.contains(#""version_info":"\#(first.versionInfo)""#))
      #expect(
        try await connection.send(
          HTTPRequest("POST", "/v3/discovery:clusters", fields: ["connection": "close"], body: "{}")
        ).fields["connection"] == "close")
      await #expect(throws: (any Error).self) { try await post(connection, "clusters") }
      cache.publish(try Snapshot(resources(2)))
      try await stream.send(.answering(first))
      #expect(try await stream.next(.cluster).versionInfo != first.versionInfo)
    }
  }
}
