// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
public import Callouts
public import EnvoyAPI
public import SwiftProtobuf

/// Envoy's ext_proc filter without an Envoy: takes a whole HTTP exchange through a callout, as strict as Envoy is.
///
///     let filter = EnvoyFilter { $0.requestBodyMode = .buffered }
///     let exchange = try await filter.exchange(HTTPRequest("POST", body: "hello"), with: Basic())
///     #expect(exchange.upstreamRequest?.text == "replaced-body")
///
/// It follows Envoy 1.40. The body reaches the filter after the reply to the headers, except where the body's mode does
/// not wait for that; with a real Envoy this depends on the client and the network. The upstream answers when it has the
/// whole request. What other parts of Envoy add to a request, such as `x-request-id`, is not there.
///
/// Source: `envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor`.
public struct EnvoyFilter: Sendable, Hashable {
  /// What the filter sends.
  public var processingMode: ProcessingMode
  /// Time for a reply; 0.2 s in an Envoy that is not told. None applies to a body in full duplex.
  public var messageTimeout: Duration = .seconds(10)
  /// The longest time that a reply's `override_message_timeout` may ask for; zero ignores all.
  public var maxMessageTimeout: Duration = .zero
  /// The time without any progress after which Envoy gives the exchange up; 5 minutes in an Envoy that is not told.
  public var streamIdleTimeout: Duration = .seconds(10)
  /// The exchange goes on without the callout when that fails, as far as Envoy can.
  public var failureModeAllow = false
  /// The status of the response where the callout fails, timeouts apart.
  public var statusOnError = 500
  /// Replies to headers may change the processing mode.
  public var allowModeOverride = false
  /// The modes that they may change it to, or none for all; the request's header mode is not compared.
  public var allowedOverrideModes: [ProcessingMode] = []
  /// Immediate responses count as spurious.
  public var disableImmediateResponse = false
  /// The filter sends and takes no replies. The exchange ends when the server has ended the stream.
  public var observabilityMode = false
  /// Sends the pieces of a streamed body without waiting for the reply to the headers.
  public var sendBodyWithoutWaitingForHeaderResponse = false
  /// Which headers replies may change.
  public var mutationRules = MutationRules()
  /// When a reply to the request makes Envoy look for a route again.
  public var routeCacheAction = RouteCacheAction.default
  /// The namespaces that replies may set dynamic metadata in.
  public var receivingNamespaces: [String] = []
  /// The namespaces that replies may set typed dynamic metadata in.
  public var typedReceivingNamespaces: [String] = []
  /// The request's attributes and their values, which go with its first message, such as `source.address`.
  public var requestAttributes: [String: Google_Protobuf_Value] = [:]
  /// The response's attributes and their values, which go with its first message.
  public var responseAttributes: [String: Google_Protobuf_Value] = [:]
  /// The dynamic metadata that the filter forwards with every message, by namespace.
  public var forwardedMetadata: [String: Google_Protobuf_Struct] = [:]
  /// What the call carries, its `grpc_initial_metadata`.
  public var initialMetadata: Metadata = [:]
  /// Bytes of a body that Envoy buffers; it refuses more in BUFFERED and sends so much in BUFFERED_PARTIAL.
  public var bufferLimit = 1_048_576

  /// Makes a filter of Envoy's defaults, but for the processing mode.
  public init(_ mode: (inout ProcessingMode) -> Void = { _ in }) {
    processingMode = ProcessingMode()
    mode(&processingMode)
  }

  /// Which headers a reply may change; a change that is not allowed is ignored.
  ///
  /// Source: `envoy.config.common.mutation_rules.v3.HeaderMutationRules`.
  public struct MutationRules: Sendable, Hashable {
    /// `:authority`, `host`, `:method` and `:scheme`.
    public var allowAllRouting = false
    /// Names that begin with `x-envoy-`.
    public var allowEnvoy = false
    /// No name that begins with a colon.
    public var disallowSystem = false
    /// None at all.
    public var disallowAll = false
    /// A change that is not allowed fails the request.
    public var disallowIsError = false
  }

  /// Source: `ExternalProcessor.RouteCacheAction`.
  public enum RouteCacheAction: String, Sendable, Hashable {
    /// When the reply says so.
    case `default` = "DEFAULT"
    /// With every change of headers.
    case clear = "CLEAR"
    /// Never.
    case retain = "RETAIN"
  }

  /// Why an Envoy would not start with this filter, or not do what it says; nil where it would.
  var mistake: String? {
    let mode = processingMode
    if [mode.requestBodyMode, mode.responseBodyMode].contains(.grpc) {
      return "Envoy does not implement the body mode GRPC; use FULL_DUPLEX_STREAMED"
    }
    if mode.requestBodyMode == .fullDuplexStreamed, mode.requestTrailerMode != .send {
      return "request_body_mode FULL_DUPLEX_STREAMED needs request_trailer_mode SEND"
    }
    if mode.responseBodyMode == .fullDuplexStreamed, mode.responseTrailerMode != .send {
      return "response_body_mode FULL_DUPLEX_STREAMED needs response_trailer_mode SEND"
    }
    return nil
  }
}

/// Envoy would not start with this configuration, or not do what it says.
public struct InvalidEnvoyFilter: Error, CustomStringConvertible {
  public let description: String
}
