// SPDX-License-Identifier: Apache-2.0
public import NIOCore

/// What to do with headers.
public struct HeadersReply: Sendable {
  enum Action: Sendable {
    case proceed(HeaderMutation)
    indirect case replace(HeaderMutation, body: ByteBuffer)
    indirect case immediate(ImmediateResponse)
    indirect case complete(ProcessingResponse)
  }

  var action: Action

  /// Has Envoy choose the route again, because a header that routes depend on was changed.
  public var clearRouteCache = false

  init(_ action: Action) { self.action = action }

  /// Lets the headers pass as they are.
  public static let `continue` = HeadersReply(.proceed(HeaderMutation()))

  /// Changes headers: sets them, replacing what values they have, adds values, removes headers.
  public static func mutate(
    set: KeyValuePairs<String, String> = [:], append: KeyValuePairs<String, String> = [:], remove: [String] = [],
    clearRouteCache: Bool = false
  ) -> HeadersReply {
    .mutate(HeaderMutation(set: set, append: append, remove: remove), clearRouteCache: clearRouteCache)
  }

  public static func mutate(_ mutation: HeaderMutation, clearRouteCache: Bool = false) -> HeadersReply {
    var reply = HeadersReply(.proceed(mutation))
    reply.clearRouteCache = clearRouteCache
    return reply
  }

  /// Changes headers and replaces the whole body; the proxy sends nothing more of this direction
  /// (CONTINUE_AND_REPLACE).
  public static func replace(body: ByteBuffer, mutation: HeaderMutation = HeaderMutation()) -> HeadersReply {
    HeadersReply(.replace(mutation, body: body))
  }

  /// Answers the client at once; the request goes no further.
  public static func immediate(_ response: ImmediateResponse) -> HeadersReply { HeadersReply(.immediate(response)) }

  /// A response written out in full.
  public static func complete(_ response: ProcessingResponse) -> HeadersReply { HeadersReply(.complete(response)) }
}
