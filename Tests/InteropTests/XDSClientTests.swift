// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import ExtProcTesting
import Foundation
import Logging
import NIOCore
import NIOPosix
import Testing
import XDS

@Suite(
  "gRPC's xDS client and our control plane", .enabled(if: Tool.python != nil, "\(Tool.pythonHint)"),
  .timeLimit(.minutes(3)))
struct XDSClientTests {
  @Test("calls go where the endpoints are and follow them; what the client refuses changes nothing")
  func follows() async throws {
    let python = try #require(Tool.python)
    let backends = try ChildProcess(python, [Tool.xdsScript, "backends"])
    do {
      let resources = try await backends.waitForOutput { output in
        output.contains("\nready\n") ? Self.resources(output) : nil
      }
      try await withControlPlane { cache, address async throws in
        let published = try Self.snapshot(resources, "listener", "routes", "cluster", "endpoints-a")
        cache.publish(published)
        let client = try ChildProcess(python, [Tool.xdsScript, "client", address])
        do {
          try await client.waitForLine("answered by a")

          var report = cache.publish(try Self.snapshot(resources, "listener", "routes", "cluster", "endpoints-b"))
          try await client.waitForLine("answered by b")
          #expect(await report.converged().map(\.description) == ["grpc-client has it"])

          report = cache.publish(try Self.snapshot(resources, "bad-listener", "routes", "cluster", "endpoints-b"))
          let outcome = try #require(await report.converged().first)
          guard case .refused(let refused) = outcome.result else { throw Unexpected("\(outcome)") }
          #expect(refused.map(\.reference) == [ResourceReference(.listener, "test")])
          #expect(refused.first?.detail.contains("expected at least one HTTP filter") ?? false)

          report = cache.publish(published)
          try await client.waitForLine("answered by a")
          #expect(await report.converged().map(\.description) == ["grpc-client has it"])
          #expect(client.answers == ["answered by a", "answered by b", "answered by a"])
        } catch {
          await client.end()
          throw Unexpected("\(error)\n\(client.output)")
        }
        await client.end()
      }
    } catch {
      await backends.end()
      throw error
    }
    await backends.end()
  }

  /// The resources that the script prints, by its words for them.
  private static func resources(_ output: String) -> [String: Resource] {
    var resources: [String: Resource] = [:]
    for line in output.split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      guard words.count == 4, let body = Data(base64Encoded: words[3]) else { continue }
      let type = ResourceType(typeURL: "type.googleapis.com/" + words[1])
      resources[words[0]] = Resource(type, name: words[2], body: Array(body))
    }
    return resources
  }

  private static func snapshot(_ resources: [String: Resource], _ words: String...) throws -> Snapshot {
    try Snapshot(words.map { try #require(resources[$0]) })
  }

  private func withControlPlane(_ body: (SnapshotCache, String) async throws -> Void) async throws {
    let cache = SnapshotCache()
    let server = GRPCServer(services: XDSServer(cache).services, logger: Logger(label: "interop"))
    let listener = try await Listener.bind(
      to: SocketAddress(ipAddress: "127.0.0.1", port: 0), group: MultiThreadedEventLoopGroup.singleton, tls: nil
    ) { channel in
      try server.serve(channel)
    }
    func stop() async throws {
      try await listener.close()
      server.closeConnections()
      await server.drain()
    }
    do {
      try await body(cache, "127.0.0.1:\(listener.address?.port ?? 0)")
    } catch {
      try await stop()
      throw error
    }
    try await stop()
  }

  private struct Unexpected: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }
}

extension ChildProcess {
  /// What the client says of its calls, in order; the library logs between.
  fileprivate var answers: [String] {
    output.split(separator: "\n").map(String.init).filter { $0.hasPrefix("answered") || $0.hasPrefix("failed") }
  }

  /// Waits until this is what the client says last.
  fileprivate func waitForLine(_ line: String) async throws {
    try await waitForOutput { [self] _ in answers.last == line ? () : nil }
  }
}
