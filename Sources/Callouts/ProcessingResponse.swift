// SPDX-License-Identifier: Apache-2.0
public import EnvoyAPI
internal import NIOCore

/// The answer to one `ProcessingRequest`.
///
/// Either a reply for a phase, which is sent in the form that the body mode in force needs, or a generated message,
/// which is sent as it is if Envoy would take it. Source: `envoy.service.ext_proc.v3.ProcessingResponse`.
public struct ProcessingResponse: Sendable {
  package enum Content: Sendable {
    case headers(HeadersReply)
    indirect case body(BodyReply)
    case trailers(TrailersReply)
    indirect case immediate(ImmediateResponse, ReplyAttachments)
    indirect case streamed(StreamedImmediateResponse)
    indirect case message(ProcessingResponseMessage)
  }

  /// What the response is about: it must be what was asked.
  package let phase: Phase?
  package let content: Content

  private init(_ phase: Phase?, _ content: Content) {
    self.phase = phase
    self.content = content
  }

  public static func requestHeaders(_ reply: consuming HeadersReply) -> Self { headers(.requestHeaders, reply) }
  public static func responseHeaders(_ reply: consuming HeadersReply) -> Self { headers(.responseHeaders, reply) }
  public static func requestBody(_ reply: BodyReply) -> Self { body(.requestBody, reply) }
  public static func responseBody(_ reply: BodyReply) -> Self { body(.responseBody, reply) }
  public static func requestTrailers(_ reply: TrailersReply) -> Self { trailers(.requestTrailers, reply) }
  public static func responseTrailers(_ reply: TrailersReply) -> Self { trailers(.responseTrailers, reply) }

  /// Answers the client at once, in any phase.
  public static func immediate(_ response: ImmediateResponse) -> Self { immediate(response, ReplyAttachments()) }

  private static func immediate(_ response: ImmediateResponse, _ attachments: ReplyAttachments) -> Self {
    Self(nil, .immediate(response, attachments))
  }

  /// A response as the generated message, checked before it is sent.
  public init(_ message: ProcessingResponseMessage) {
    self.init(message.phase, .message(message))
  }

  package static func headers(_ phase: Phase, _ reply: consuming HeadersReply) -> Self {
    switch reply.action {
    case .complete(let response): response
    case .immediate(let response): .immediate(response, reply.attachments)
    case .streamed(let response): Self(nil, .streamed(response))
    case .proceed, .replace: Self(phase, .headers(reply))
    }
  }

  package static func body(_ phase: Phase, _ reply: BodyReply) -> Self {
    switch reply.action {
    case .complete(let response): response
    case .immediate(let response): .immediate(response, reply.attachments)
    case .proceed, .replace: Self(phase, .body(reply))
    }
  }

  package static func trailers(_ phase: Phase, _ reply: TrailersReply) -> Self {
    switch reply.action {
    case .complete(let response): response
    case .immediate(let response): .immediate(response, reply.attachments)
    case .proceed: Self(phase, .trailers(reply))
    }
  }

  /// The client is answered, or an answer begun, so that the proxy needs nothing more of this stream.
  package var endsExchange: Bool {
    switch content {
    case .immediate, .streamed: true
    case .message(let message): message.endsExchange
    case .headers, .body, .trailers: false
    }
  }

  /// The answer that is still to be written piece by piece.
  package var streamed: StreamedImmediateResponse? {
    if case .streamed(let response) = content { response } else { nil }
  }

  /// Lets what was asked about pass as it is.
  public static func `continue`(_ phase: Phase) -> Self {
    switch phase {
    case .requestHeaders, .responseHeaders: headers(phase, .continue)
    case .requestBody, .responseBody: body(phase, .continue)
    case .requestTrailers, .responseTrailers: trailers(phase, .continue)
    }
  }
}

extension ProcessingResponseMessage {
  fileprivate var phase: Phase? {
    switch response {
    case .requestHeaders: .requestHeaders
    case .responseHeaders: .responseHeaders
    case .requestBody: .requestBody
    case .responseBody: .responseBody
    case .requestTrailers: .requestTrailers
    case .responseTrailers: .responseTrailers
    case .immediateResponse, .streamedImmediateResponse, nil: nil
    }
  }

  /// A streamed immediate response may go on after this one, which only a callout that sends more by itself could do.
  fileprivate var endsExchange: Bool {
    if case .immediateResponse = response { true } else { false }
  }
}
