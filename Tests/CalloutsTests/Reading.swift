// SPDX-License-Identifier: Apache-2.0
import Callouts
import EnvoyAPI
import Logging
import NIOCore
import SwiftProtobuf

/// All that a callout can read from a serialized ProcessingRequest, in a form to compare.
struct Reading: Equatable {
  var phase: Phase?
  var observabilityMode: Bool
  /// The windows that the proxy tells, and their increments, in the order of the fields' numbers.
  var windows: [Int64]?
  var increments: [Int64]?
  var requestMode: BodySendMode?
  var responseMode: BodySendMode?
  var headers: [[[UInt8]]] = []
  var endOfStream: Bool?
  var body: [UInt8] = []
  var bodyFlags: [Bool] = []
  var attributes: [String: Google_Protobuf_Struct]
  var metadata: [String: Google_Protobuf_Struct]
}

extension Reading {
  /// As the lazy codec reads; throws where it refuses.
  init(lazily bytes: [UInt8]) throws {
    let request = try ProcessingRequest(serialized: ByteBuffer(bytes: bytes))
    var state = ProcessingState(ProcessingState.Filter(CalloutServer.Configuration()))
    try state.receive(request)
    let context = CalloutContext(streamID: 1, peer: nil, logger: Logger(label: "test"))
    context.receive(request)
    self.init(
      phase: request.phase, observabilityMode: request.observabilityMode, requestMode: state.mode(of: .request),
      responseMode: state.mode(of: .response), attributes: context.attributes, metadata: context.filterMetadata)
    windows = request.flowControl?.start.map {
      [$0.receiving.request, $0.sending.request, $0.receiving.response, $0.sending.response]
    }
    increments = request.flowControl?.increments.map { [$0.request, $0.response] }
    switch request.phase {
    case .requestBody, .responseBody:
      let content = try request.body()
      body = Array(buffer: content.bytes)
      bodyFlags = [
        content.endOfStream, content.endOfStreamWithoutMessage, content.grpcMessageCompressed, content.drainComplete,
      ]
    case .requestHeaders, .responseHeaders:
      let content = try request.headers()
      endOfStream = content.endOfStream
      headers = Self.all(content)
    case .requestTrailers, .responseTrailers: headers = Self.all(try request.headers())
    case nil: break
    }
  }

  private static func all(_ headers: HTTPHeaders) -> [[[UInt8]]] {
    // As text each header shows its order; as bytes the first of a name shows what was sent.
    headers.map { name, value in [Array(name.utf8), Array(value.utf8), headers.bytes(of: name) ?? []] }
  }

  /// As swift-protobuf reads; throws where it refuses.
  init(eagerly bytes: [UInt8]) throws {
    let message = try ProcessingRequestMessage(serializedBytes: bytes)
    self.init(
      observabilityMode: message.observabilityMode,
      requestMode: message.hasProtocolConfig ? message.protocolConfig.requestBodyMode : nil,
      responseMode: message.hasProtocolConfig ? message.protocolConfig.responseBodyMode : nil,
      attributes: message.attributes, metadata: message.metadataContext.filterMetadata)
    if message.hasFlowControlInit {
      let start = message.flowControlInit
      windows = [
        start.initialWindowDownstreamToSidestream, start.initialWindowSidestreamToUpstream,
        start.initialWindowUpstreamToSidestream, start.initialWindowSidestreamToDownstream,
      ]
    }
    if message.hasClientWindowUpdate {
      let update = message.clientWindowUpdate
      increments = [update.windowIncrementSidestreamToUpstream, update.windowIncrementSidestreamToDownstream]
    }
    switch message.request {
    case .requestHeaders(let content): set(.requestHeaders, content)
    case .responseHeaders(let content): set(.responseHeaders, content)
    case .requestBody(let content): set(.requestBody, content)
    case .responseBody(let content): set(.responseBody, content)
    case .requestTrailers(let content): set(.requestTrailers, content.trailers)
    case .responseTrailers(let content): set(.responseTrailers, content.trailers)
    case nil: break
    }
  }

  private mutating func set(_ phase: Phase, _ content: Envoy_Service_ExtProc_V3_HttpHeaders) {
    set(phase, content.headers)
    endOfStream = content.endOfStream
  }

  private mutating func set(_ phase: Phase, _ content: Envoy_Service_ExtProc_V3_HttpBody) {
    self.phase = phase
    body = Array(content.body)
    bodyFlags = [
      content.endOfStream, content.endOfStreamWithoutMessage, content.grpcMessageCompressed, content.drainComplete,
    ]
  }

  private mutating func set(_ phase: Phase, _ map: Envoy_Config_Core_V3_HeaderMap) {
    self.phase = phase
    func bytes(_ header: Envoy_Config_Core_V3_HeaderValue) -> [UInt8] {
      header.rawValue.isEmpty ? Array(header.value.utf8) : Array(header.rawValue)
    }
    headers = map.headers.map { header in
      let first = map.headers.first { $0.key.lowercased() == header.key.lowercased() }!
      let value = String(decoding: bytes(header), as: UTF8.self)
      return [Array(header.key.utf8), Array(value.utf8), bytes(first)]
    }
  }
}
