// SPDX-License-Identifier: Apache-2.0

// Takes requests in OpenAI's form and has the provider answer them that the model's name begins with, such as
// `anthropic/claude-sonnet-4-5`; answers go back in OpenAI's form, whole or as a stream of events. The credentials for
// the providers are in the environment: `<PROVIDER>_API_KEY`, and for Vertex AI GOOGLE_ACCESS_TOKEN, or else the machine's
// service account.
//
// Envoy processing mode: request_header_mode: SEND, response_header_mode: SEND, both body modes NONE, which is what
// other requests then have; with allow_mode_override: true, for the bodies of these are asked for by a mode override:
// BUFFERED for requests, since Envoy changes headers in answer to a body in no other mode, and BUFFERED or STREAMED for
// responses. Envoy ignores the override where the filter has FULL_DUPLEX_STREAMED, and buffers no more than its
// per_connection_buffer_limit_bytes. The new :authority needs mutation_rules: {allow_all_routing: true}.
// The route is not chosen again: that of the request leads to all providers, with a dynamic forward proxy, which must
// know no other hosts, and matches POST requests to these paths alone: others pass as they are, host and all.

import CalloutJSON
import EnvoyAPI
import ExtProc
import GoogleCredentials
import Logging
import NIOCore

final class LLMGateway: CalloutServer, @unchecked Sendable {
  // Unchecked as every callout; what it stores is constant.
  private let providers: Providers

  init(_ providers: Providers) {
    self.providers = providers
    super.init()
  }

  required convenience init() { self.init(Providers()) }

  override var configuration: Configuration {
    var configuration = Configuration()
    configuration.allowModeOverride = true
    configuration.mutationRules.allowAllRouting = true
    return configuration
  }

  override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    guard let endpoint = Endpoint(path: headers.path ?? "") else { return .continue }
    if !headers.endOfStream { context[RequestedEndpoint.self] = endpoint }
    context[ClientHeaders.self] = headers.map(\.name).filter(ClientHeaders.areForGateway)
    return .mutate(set: ["x-litellm-routed": "true"]).overridingMode(ModeOverride(requestBody: .buffered))
  }

  override func onRequestBody(_ body: HTTPBody, context: CalloutContext) async throws -> BodyReply {
    guard let endpoint = context[RequestedEndpoint.self], endpoint.hasBody, body.bytes.readableBytes > 0 else {
      return .continue
    }
    do {
      let (call, provider) = try providers.call(endpoint, with: body)
      let request = try await provider.request(for: call)
      context[ExpectedAnswer.self] = ExpectedAnswer(isStream: call.isStreaming, dialect: provider.dialect(for: call))
      return try request.reply(to: call, removing: context[ClientHeaders.self])
    } catch let error as GatewayError {
      return .immediate(error.response)
    } catch {
      context.logger.error("no request can be made to the provider", metadata: ["error": "\(error)"])
      guard error is GoogleCredentialsError else {
        return .immediate(GatewayError.failure("no request can be made to the provider").response)
      }
      return .immediate(GatewayError.noCredentials("set GOOGLE_ACCESS_TOKEN where the gateway runs").response)
    }
  }

  override func onResponseHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    guard let expected = context[ExpectedAnswer.self] else {
      if context[RequestedEndpoint.self]?.hasBody == true {
        context.logger.warning("a request went to no provider: has Envoy's filter allow_mode_override?")
      }
      return .continue
    }
    guard let dialect = expected.dialect, isTranslatable(headers) else {
      return .continue.overridingMode(ModeOverride(responseBody: BodySendMode.none))
    }
    // A provider may answer with a whole although it was asked for a stream.
    let type = headers["content-type"]?.lowercased()
    let isStream = type.map { $0.hasPrefix("text/event-stream") } ?? expected.isStream
    context[Answer.self] = isStream ? .events(AnswerEvents(dialect)) : .whole(WholeAnswer(dialect))
    return .mutate(remove: ["content-length"])
      .overridingMode(ModeOverride(responseBody: isStream ? .streamed : .buffered))
  }

  override func onResponseBody(_ body: HTTPBody, context: CalloutContext) async throws -> BodyReply {
    // Taken out of the context while it changes, so that what it holds is not copied.
    var answer = context[Answer.self]
    context[Answer.self] = .passing
    defer { context[Answer.self] = answer }
    return answer.receive(body)
  }

  /// Errors go to the client as they came, and so does what is compressed, although the provider was asked not to.
  private func isTranslatable(_ headers: HTTPHeaders) -> Bool {
    let isSuccess = headers.status.map { (200..<300).contains($0) } ?? true
    return isSuccess && (headers["content-encoding"] ?? "identity").lowercased() == "identity"
  }
}

extension ProviderRequest {
  /// Puts the provider's request in the place of the client's.
  ///
  /// - Parameter names: the client's headers that are not for the provider to see, or that would tell it whom to charge.
  fileprivate func reply(to call: ModelCall, removing names: [String]) throws(GatewayError) -> BodyReply {
    let body = ByteBuffer(bytes: body.serialized())
    var mutation = HeaderMutation(
      set: [
        ":path": path, ":authority": authority, "host": authority, "content-type": "application/json",
        "content-length": "\(body.readableBytes)", "accept-encoding": "identity",
        "user-agent": "litellm-gateway/1.0", "x-litellm-provider": call.provider, "x-litellm-model": call.model,
        "x-litellm-streaming": "\(call.isStreaming)",
      ], remove: names)
    for (name, value) in headers { mutation.set(name, value) }
    // Envoy would refuse the reply, and might let the request go on as it is.
    guard names.count <= ClientHeaders.most else {
      throw GatewayError(status: 431, message: "the request has too many headers")
    }
    var reply = BodyReply.replace(body, mutation: mutation)
    reply.clearRouteCache = false
    return reply
  }
}
