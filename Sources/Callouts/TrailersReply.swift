// SPDX-License-Identifier: Apache-2.0

/// What to do with trailers.
public struct TrailersReply: CalloutReply {
  package enum Action: Sendable {
    case proceed
    indirect case immediate(ImmediateResponse)
    indirect case complete(ProcessingResponse)
  }

  package internal(set) var action: Action

  /// Changes of the trailers.
  public var headerMutation = HeaderMutation()

  public var attachments = ReplyAttachments()

  init(_ action: Action) { self.action = action }

  /// Lets the trailers pass as they are.
  public static let `continue` = TrailersReply(.proceed)

  /// Changes trailers: sets them, replacing what values they have, adds values, removes trailers.
  public static func mutate(
    set: KeyValuePairs<String, String> = [:], append: KeyValuePairs<String, String> = [:], remove: [String] = []
  ) -> TrailersReply {
    .mutate(HeaderMutation(set: set, append: append, remove: remove))
  }

  public static func mutate(_ mutation: HeaderMutation) -> TrailersReply {
    var reply = TrailersReply(.proceed)
    reply.headerMutation = mutation
    return reply
  }

  /// Answers the client at once, where Envoy still can.
  public static func immediate(_ response: ImmediateResponse) -> TrailersReply { TrailersReply(.immediate(response)) }

  /// A response written out in full.
  public static func complete(_ response: ProcessingResponse) -> TrailersReply { TrailersReply(.complete(response)) }
}
