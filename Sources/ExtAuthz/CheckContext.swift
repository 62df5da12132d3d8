// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
package import CalloutTransport
public import Logging

/// What is known of the call by which a proxy asks.
public struct CheckContext: Sendable {
  /// The proxy's address as text, or nil for a Unix-domain socket.
  public let peer: String?

  /// Logs with the number of the stream.
  public var logger: Logger {
    var logger = baseLogger
    logger[metadataKey: "stream"] = "\(streamID)"
    return logger
  }

  /// The metadata that the proxy's gRPC call carries, its `initial_metadata`, in order.
  public var initialMetadata: [(name: String, value: String)] {
    metadata.compactMap { entry in
      if case .string(let value) = entry.value { (entry.name, value) } else { nil }
    }
  }

  private let baseLogger: Logger
  private let streamID: Int
  private let headers: HeaderFields
  private var metadata: Metadata { Metadata(headers) }

  package init(streamID: Int, peer: String?, headers: HeaderFields, logger: Logger) {
    self.streamID = streamID
    self.peer = peer
    self.headers = headers
    baseLogger = logger
  }
}
