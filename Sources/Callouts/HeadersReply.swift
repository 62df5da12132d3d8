// SPDX-License-Identifier: Apache-2.0
public import NIOCore

/// What to do with headers.
public struct HeadersReply: CalloutReply {
  package enum Action: Sendable {
    case proceed
    indirect case replace(ByteBuffer)
    indirect case immediate(ImmediateResponse)
    indirect case streamed(StreamedImmediateResponse)
    indirect case complete(ProcessingResponse)
  }

  package internal(set) var action: Action

  /// Changes of the headers.
  public var headerMutation = HeaderMutation()

  /// Has Envoy choose the route again, or not; nil leaves that to what the reply changes.
  ///
  /// The route is then chosen again where a request's `:path`, `:authority`, `:method`, `:scheme` or `host` is
  /// changed. Set it where routes depend on other headers. Source: CommonResponse.clear_route_cache.
  public var clearRouteCache: Bool?

  public var attachments = ReplyAttachments()

  init(_ action: Action) { self.action = action }

  /// Lets the headers pass as they are.
  public static let `continue` = HeadersReply(.proceed)

  /// Changes headers: sets them, replacing what values they have, adds values, removes headers.
  public static func mutate(
    set: consuming KeyValuePairs<String, String> = [:], append: consuming KeyValuePairs<String, String> = [:],
    remove: consuming [String] = [], clearRouteCache: Bool? = nil
  ) -> HeadersReply {
    .mutate(HeaderMutation(set: set, append: append, remove: remove), clearRouteCache: clearRouteCache)
  }

  public static func mutate(_ mutation: consuming HeaderMutation, clearRouteCache: Bool? = nil) -> HeadersReply {
    var reply = HeadersReply(.proceed)
    reply.headerMutation = mutation
    reply.clearRouteCache = clearRouteCache
    return reply
  }

  /// Changes headers and replaces the whole body; the proxy sends nothing more of this direction
  /// (CONTINUE_AND_REPLACE).
  public static func replace(body: ByteBuffer, mutation: HeaderMutation = HeaderMutation()) -> HeadersReply {
    var reply = HeadersReply(.replace(body))
    reply.headerMutation = mutation
    return reply
  }

  /// Answers the client at once; the request goes no further.
  public static func immediate(_ response: ImmediateResponse) -> HeadersReply { HeadersReply(.immediate(response)) }

  /// Answers the client with a body that is written piece by piece; for request headers only.
  public static func streamed(_ response: StreamedImmediateResponse) -> HeadersReply {
    HeadersReply(.streamed(response))
  }

  /// A response written out in full.
  public static func complete(_ response: ProcessingResponse) -> HeadersReply { HeadersReply(.complete(response)) }

  /// The headers pass as they are, and nothing else is asked of the proxy.
  package var changesNothing: Bool {
    if case .proceed = action { headerMutation.isEmpty && attachments.isEmpty } else { false }
  }

  /// The proxy sends nothing more of this direction.
  var endsMessage: Bool {
    switch action {
    case .proceed: false
    case .replace, .immediate, .streamed, .complete: true
    }
  }
}
