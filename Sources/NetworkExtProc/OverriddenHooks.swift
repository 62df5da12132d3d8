// SPDX-License-Identifier: Apache-2.0
internal import Callouts

extension NetworkCalloutServer {
  /// A hook that a subclass may override.
  package enum Hook: Sendable, CaseIterable {
    case connectionStart, readData, writeData, shouldCloseConnection, connectionEnd
  }

  /// The hooks that this object's class overrides, or nil where that cannot be told.
  package var overriddenHooks: Set<Hook>? { finder?.members(overriddenBy: type(of: self)) }
}

private let finder = OverrideFinder<NetworkCalloutServer.Hook>(
  base: NetworkCalloutServer.self, plain: Plain.self,
  overriding: [
    .connectionStart: ConnectionStart.self, .readData: ReadData.self, .writeData: WriteData.self,
    .shouldCloseConnection: ShouldCloseConnection.self, .connectionEnd: ConnectionEnd.self,
  ])

// What the finder learns from; nobody makes an object of these. Each does something else than its base, lest a linker
// make one of both.

private final class Plain: NetworkCalloutServer, @unchecked Sendable {}

private final class ConnectionStart: NetworkCalloutServer, @unchecked Sendable {
  override func onConnectionStart(context: NetworkContext) async throws { throw CancellationError() }
}

private final class ReadData: NetworkCalloutServer, @unchecked Sendable {
  override func onReadData(_ data: NetworkData, context: NetworkContext) async throws -> NetworkReply {
    throw CancellationError()
  }
}

private final class WriteData: NetworkCalloutServer, @unchecked Sendable {
  override func onWriteData(_ data: NetworkData, context: NetworkContext) async throws -> NetworkReply {
    throw CancellationError()
  }
}

private final class ShouldCloseConnection: NetworkCalloutServer, @unchecked Sendable {
  override func shouldCloseConnection(_ data: NetworkData, modified: Bool, context: NetworkContext) throws -> Bool {
    throw CancellationError()
  }
}

private final class ConnectionEnd: NetworkCalloutServer, @unchecked Sendable {
  override func onConnectionEnd(_ ending: StreamEnding, context: NetworkContext) { fatalError("never called") }
}
