// SPDX-License-Identifier: Apache-2.0
public import NIOCore

/// What to do with a piece of a body, or with the whole of it.
///
/// The same reply serves every body mode; it is sent in the form that the mode in force needs.
public struct BodyReply: CalloutReply {
  package enum Action: Sendable {
    case proceed
    case replace(ByteBuffer)
    indirect case immediate(ImmediateResponse)
    indirect case complete(ProcessingResponse)
  }

  package internal(set) var action: Action

  /// Changes of the headers that this body belongs to. Envoy honours them in BUFFERED mode only.
  public var headerMutation = HeaderMutation()

  /// Has Envoy choose the route again, or not; nil does where a header that routes depend on is changed, as in
  /// `HeadersReply`.
  public var clearRouteCache: Bool?

  public var attachments = ReplyAttachments()

  init(_ action: Action) { self.action = action }

  /// Lets the bytes pass as they are.
  public static let `continue` = BodyReply(.proceed)

  /// Puts other bytes in the place of these.
  public static func replace(_ bytes: ByteBuffer, mutation: HeaderMutation = HeaderMutation()) -> BodyReply {
    var reply = BodyReply(.replace(bytes))
    reply.headerMutation = mutation
    return reply
  }

  /// Puts a text in the place of these bytes.
  public static func replace(_ string: String, mutation: HeaderMutation = HeaderMutation()) -> BodyReply {
    .replace(ByteBuffer(string: string), mutation: mutation)
  }

  /// Drops these bytes.
  public static let clear = BodyReply(.replace(ByteBuffer()))

  /// Answers the client at once. Once response headers went to the client, Envoy can only reset its stream.
  public static func immediate(_ response: ImmediateResponse) -> BodyReply { BodyReply(.immediate(response)) }

  /// A response written out in full.
  public static func complete(_ response: ProcessingResponse) -> BodyReply { BodyReply(.complete(response)) }
}
