// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
public import CalloutServing
internal import SwiftProtobuf

/// A proxy as far as a callout server can tell: one connection, on which it opens streams.
///
/// Safe to use from any thread.
public struct CalloutClient: Sendable {
  /// The connection, for calls of other services.
  public let channel: GRPCChannel

  /// Connects over plaintext HTTP/2, or over TLS where there are certificates (PEM) to trust.
  ///
  /// Throws a `GRPCStatus` with the code UNAVAILABLE when that cannot be done.
  public static func connect(to address: ListenAddress, trusting roots: [UInt8]? = nil) async throws -> CalloutClient {
    var configuration = GRPCChannel.Configuration()
    if let roots { configuration.tls = GRPCChannel.TLS(trustRoots: roots, serverName: "localhost") }
    return CalloutClient(channel: try await GRPCChannel.connect(to: address.resolve(), configuration: configuration))
  }

  /// Opens an ext_proc stream.
  ///
  /// - Parameters:
  ///   - metadata: what Envoy sends as its `grpc_initial_metadata`.
  ///   - timeout: the stream's deadline from now, which Envoy never sets.
  public func stream(metadata: Metadata = [:], timeout: Duration? = nil) async throws -> CalloutStream {
    CalloutStream(call: try await channel.call(Self.path, metadata: metadata, timeout: timeout))
  }

  /// Opens a network ext_proc stream; the parameters are those of `stream`.
  public func networkStream(metadata: Metadata = [:], timeout: Duration? = nil) async throws -> NetworkStream {
    NetworkStream(call: try await channel.call(Self.networkPath, metadata: metadata, timeout: timeout))
  }

  /// Closes the connection, and with it every stream.
  public func close() async { await channel.close() }

  private static let path = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
  private static let networkPath = "/envoy.service.network_ext_proc.v3.NetworkExternalProcessor/Process"
}
