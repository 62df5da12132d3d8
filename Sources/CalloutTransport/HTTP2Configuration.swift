// SPDX-License-Identifier: Apache-2.0

/// The limits and windows of one HTTP/2 connection.
package struct HTTP2Configuration: Sendable {
  /// Streams a peer may have open at once; one more is refused with REFUSED_STREAM.
  ///
  /// A stream counts until whoever handles it is done, not only until it is reset, so a peer that opens and
  /// resets cannot start more work than this. One Envoy worker multiplexes all its requests on a connection.
  package var maxConcurrentStreams = 1_000

  /// Bytes a peer may send on one stream before we have taken them: several 64 KiB bodies in flight.
  package var streamWindow = 512 * 1_024

  /// Bytes a peer may send on a connection before we have taken them, which bounds what we buffer for it.
  package var connectionWindow = 16 * 1_024 * 1_024

  /// Decoded size of a header section (RFC 9113 §6.5.2); more resets the stream with ENHANCE_YOUR_CALM.
  package var maxHeaderListSize = 32 * 1_024

  /// Bytes a stream may have waiting to be sent before its handler is asked to pause.
  package var streamOutboundHighWater = 256 * 1_024

  /// Bytes a connection may have waiting to be sent before we stop reading from it.
  ///
  /// As much as the connection's window: a peer that does read, only later, never comes to this. Earlier would be
  /// harmful, for a peer that cannot send may be kept by TCP from telling that it can receive, for seconds.
  package var connectionOutboundHighWater = 16 * 1_024 * 1_024

  /// Resets of unanswered streams, and resets that a peer provokes from us, before we end the connection.
  package var resetBudget = ResetBudget.Limit(burst: 1_000, perSecond: 33)

  package init() {}
}
