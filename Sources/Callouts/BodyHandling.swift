// SPDX-License-Identifier: Apache-2.0

/// How a body reaches the callout: as it comes, collected first, or as a stream of its own.
public struct BodyHandling: Sendable {
  package enum Delivery: Sendable { case chunks, whole, stream }

  package let delivery: Delivery
  /// The longest body, in bytes, or nil for any.
  package let limit: Int?
  package let overLimit: OverLimit

  private init(_ delivery: Delivery, upTo limit: Int? = nil, overLimit: OverLimit = .reject) {
    self.delivery = delivery
    self.limit = limit
    self.overLimit = overLimit
  }

  /// `onRequestBody` and `onResponseBody` are asked about each message of the proxy: a piece of the body, or the whole
  /// of it in the BUFFERED mode.
  public static let chunks = BodyHandling(.chunks)

  /// The same for bodies up to a length.
  public static func chunks(upTo limit: Int, overLimit: OverLimit = .reject) -> BodyHandling {
    BodyHandling(.chunks, upTo: limit, overLimit: overLimit)
  }

  /// `onRequestBody` and `onResponseBody` are asked once, about the whole body, whatever the mode.
  ///
  /// The default limit is that of Envoy's own buffers, 1 MiB. In BUFFERED_PARTIAL the proxy sends one piece, and
  /// `endOfStream` tells whether it is all. In GRPC each message is a whole. In STREAMED the proxy is given an empty
  /// piece for each that was collected, and the body in place of the last one, whose answer has to wait until it is
  /// known to be the last. Where that takes longer than half of `configuration.messageTimeout`, because the body pauses
  /// or ends in trailers (of which Envoy tells nothing before), the failure policy applies: bodies like that are for
  /// BUFFERED or FULL_DUPLEX_STREAMED.
  public static func whole(upTo limit: Int = 1 << 20, overLimit: OverLimit = .reject) -> BodyHandling {
    BodyHandling(.whole, upTo: limit, overLimit: overLimit)
  }

  /// `onRequestStream` or `onResponseStream` handles the direction from its headers to its trailers, instead of the
  /// hooks for each of them. For the FULL_DUPLEX_STREAMED and GRPC modes, and for observation in any mode.
  public static let stream = BodyHandling(.stream)

  /// What happens to a body that is over the limit.
  public enum OverLimit: Sendable {
    /// The client gets 413 for a request's body, 502 for a response's.
    case reject
    /// The body passes unchanged, and hooks are asked about no more of it.
    case passThrough

    package func response(_ direction: Direction) -> ImmediateResponse {
      switch direction {
      case .request: ImmediateResponse(status: 413, body: "", details: "request_body_over_limit_of_callout")
      case .response: ImmediateResponse(status: 502, body: "", details: "response_body_over_limit_of_callout")
      }
    }
  }
}
