// SPDX-License-Identifier: Apache-2.0
import NetworkExtProc
import Testing

@Suite("Overridden hooks of connections")
struct OverriddenNetworkHooksTests {
  @Test("each hook is seen where it alone is overridden", arguments: NetworkCalloutServer.Hook.allCases)
  func alone(hook: NetworkCalloutServer.Hook) {
    #expect(Self.overriding(hook).overriddenHooks == [hook])
  }

  @Test("a server that overrides nothing has none, and one that inherits has both")
  func forms() {
    #expect(NetworkCalloutServer().overriddenHooks == [])
    #expect(Inheriting().overriddenHooks == [.readData, .connectionEnd])
  }

  private static func overriding(_ hook: NetworkCalloutServer.Hook) -> NetworkCalloutServer {
    switch hook {
    case .connectionStart: ConnectionStart()
    case .readData: ReadData()
    case .writeData: WriteData()
    case .shouldCloseConnection: ShouldClose()
    case .connectionEnd: ConnectionEnd()
    }
  }
}

private final class ConnectionStart: NetworkCalloutServer, @unchecked Sendable {
  override func onConnectionStart(context: NetworkContext) async throws { throw CancellationError() }
}

private class ReadData: NetworkCalloutServer, @unchecked Sendable {
  override func onReadData(_ data: NetworkData, context: NetworkContext) async throws -> NetworkReply { .continue }
}

private final class WriteData: NetworkCalloutServer, @unchecked Sendable {
  override func onWriteData(_ data: NetworkData, context: NetworkContext) async throws -> NetworkReply { .continue }
}

private final class ShouldClose: NetworkCalloutServer, @unchecked Sendable {
  override func shouldCloseConnection(_ data: NetworkData, modified: Bool, context: NetworkContext) throws -> Bool {
    modified
  }
}

private final class ConnectionEnd: NetworkCalloutServer, @unchecked Sendable {
  override func onConnectionEnd(_ ending: StreamEnding, context: NetworkContext) { _ = context }
}

private final class Inheriting: ReadData, @unchecked Sendable {
  override func onConnectionEnd(_ ending: StreamEnding, context: NetworkContext) { _ = context }
}
