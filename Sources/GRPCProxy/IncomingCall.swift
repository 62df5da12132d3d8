// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
internal import CalloutTransport

/// A call that a client makes, before it is passed on.
public struct IncomingCall: Sendable {
  let fields: HeaderFields
  /// The path, such as `/package.Service/Method`.
  public let fullMethod: String
  /// What the client takes the server for: `:authority`.
  public let authority: String
  /// The client's address as text, or nil for a Unix-domain socket.
  public let peer: String?
  /// The client's IP address alone, or nil for a Unix-domain socket.
  public let peerIPAddress: String?
  /// The DNS names and URIs in the client's certificate; none where it has shown none.
  public let peerNames: [String]
  /// Time that the client gives the call from when it came, or nil.
  public let timeout: Duration?

  /// The client's metadata, without the headers that gRPC itself uses; read anew each time.
  public var metadata: Metadata { Metadata(fields) }

  /// The service's full name, such as `grpc.health.v1.Health`.
  public var service: Substring {
    let names = fullMethod.dropFirst()
    return names.prefix { $0 != "/" }
  }

  /// The method's name alone.
  public var method: Substring { fullMethod.dropFirst(service.utf8.count + 2) }

  init(_ fields: HeaderFields, _ connection: GRPCServerConnection) {
    self.fields = fields
    fullMethod = fields[":path"] ?? ""
    authority = fields[":authority"] ?? ""
    peer = connection.peer
    peerIPAddress = connection.peerIPAddress
    peerNames = connection.peerNames
    timeout = fields.withValue(of: "grpc-timeout") { GRPCTimeout.parse($0) } ?? nil
  }

  /// The client gives a deadline that cannot be read.
  var hasMalformedTimeout: Bool { timeout == nil && fields["grpc-timeout"] != nil }
}
