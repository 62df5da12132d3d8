// SPDX-License-Identifier: Apache-2.0
public import NIOCore

/// Bytes of one direction of a connection, as the proxy read them from its socket.
///
/// They begin and end anywhere: a line of text may come in several pieces. Source: `envoy.service.network_ext_proc.v3.Data`.
public struct NetworkData: Sendable {
  /// The bytes, uncopied from what was received; none where only the end is told.
  public let bytes: ByteBuffer
  /// The direction ends after these bytes: the peer has closed its side of the connection.
  public let endOfStream: Bool

  /// The bytes as text, invalid UTF-8 repaired.
  public var string: String { String(buffer: bytes) }
}

/// A direction of a connection, as Envoy's network filters name it.
public enum NetworkDirection: Sendable, Hashable, CaseIterable {
  /// From the client to the upstream.
  case read
  /// From the upstream to the client.
  case write

  /// The field of the direction, in requests and responses alike.
  var field: Int { self == .read ? 1 : 2 }

  var opposite: NetworkDirection { self == .read ? .write : .read }
}
