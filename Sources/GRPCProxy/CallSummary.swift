// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
public import Logging

/// What became of a call that was passed on.
public struct CallSummary: Sendable {
  /// The path, such as `/package.Service/Method`.
  public var fullMethod: String
  public var authority: String
  /// The client's address as text, or nil for a Unix-domain socket.
  public var peer: String?
  /// The backends that it was sent to, as they were configured; none where it came to none.
  public var backends: [String]
  /// The status that the client was sent; CANCELLED where it went before there was one.
  public var status: GRPCStatus.Code
  /// From the client's headers to the end.
  public var duration: Duration
  /// Bytes of messages, with their prefixes, from the client and to it.
  public var bytesReceived: Int
  public var bytesSent: Int

  /// The same for a line of a log.
  public var logMetadata: Logger.Metadata {
    [
      "method": "\(fullMethod)", "authority": "\(authority)", "peer": "\(peer ?? "unix socket")",
      "backends": "\(backends.joined(separator: ","))", "status": "\(status)", "duration": "\(duration)",
      "received": "\(bytesReceived)", "sent": "\(bytesSent)",
    ]
  }
}
