// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import Callouts
internal import EnvoyAPI
internal import NIOCore
internal import SwiftProtobuf

// Responses that the callout makes instead of the upstream.

extension EnvoyFilterState {
  mutating func immediateResponse(
    _ immediate: Envoy_Service_ExtProc_V3_ImmediateResponse
  ) throws(ExchangeFailure) {
    guard !filter.disableImmediateResponse else {
      throw .spurious(
        "unhandled immediate response due to config disabled it",
        reason: "the filter has disable_immediate_response; make no immediate responses")
    }
    guard !response.headersHavePassed else {
      throw .refused(
        immediate.details, "an immediate response comes too late, for the client has the upstream's headers")
    }
    var status = immediate.status.code.rawValue
    if status < 200 {
      warn(
        "the immediate response has \(immediate.hasStatus ? "the status \(status)" : "no status"): Envoy makes it 200")
      status = 200
    }
    endLocally(localReply(immediate, status), details: immediate.details)
  }

  private mutating func localReply(
    _ immediate: Envoy_Service_ExtProc_V3_ImmediateResponse, _ status: Int
  ) -> HTTPResponse {
    var section: HTTPFields = [":status": "\(status)"]
    var mutator = HeaderMutator(rules: filter.mutationRules)
    do {
      try mutator.apply(immediate.headers, to: &section)
    } catch {
      warn("headers of the immediate response were ignored: \(error.reason)")
    }
    exchange.warnings += mutator.warnings
    if request.headers["content-type"]?.hasPrefix("application/grpc") == true {
      return grpcReply(immediate, section)
    }
    let body = ByteBuffer(bytes: immediate.body)
    if body.readableBytes > 0 {
      section.set("content-length", "\(body.readableBytes)")
      if !section.contains("content-type") { section.set("content-type", "text/plain") }
    } else {
      section.set("content-length", "0")
      section.remove("content-type")
    }
    return HTTPResponse(section: section, body: body, hasBody: body.readableBytes > 0, trailers: [:])
  }

  /// A client of gRPC gets a status instead of a body.
  private func grpcReply(
    _ immediate: Envoy_Service_ExtProc_V3_ImmediateResponse, _ section: HTTPFields
  ) -> HTTPResponse {
    var section = section
    let status = GRPCStatus(httpStatus: section[":status"].flatMap { Int($0) } ?? 0)
    let code = immediate.hasGrpcStatus ? Int(immediate.grpcStatus.status) : status.code.rawValue
    section.set(":status", "200")
    section.set("content-type", "application/grpc")
    section.set("grpc-status", "\(code)")
    if !immediate.body.isEmpty {
      section.set("grpc-message", PercentEncoding.encode(String(decoding: immediate.body, as: UTF8.self)))
    }
    return HTTPResponse(section: section, body: ByteBuffer(), hasBody: false, trailers: [:])
  }

  // MARK: Piece by piece

  mutating func streamedImmediateResponse(
    _ streamed: Envoy_Service_ExtProc_V3_StreamedImmediateResponse
  ) throws(ExchangeFailure) {
    switch streamed.response {
    case .headersResponse(let headers): try localHeaders(headers)
    case .bodyResponse(let body):
      guard localResponseHasStarted else { throw tooEarly("body") }
      response.passBody(ByteBuffer(bytes: body.body))
      if body.endOfStream { endLocalResponse() }
    case .trailersResponse(let trailers):
      guard localResponseHasStarted else { throw tooEarly("trailers") }
      response.passTrailers(try section(trailers))
      endLocalResponse()
    case nil:
      throw .refused(
        "Invalid local response headers continue", "the streamed_immediate_response is empty; set one of its parts")
    }
  }

  private mutating func localHeaders(_ headers: Envoy_Service_ExtProc_V3_HttpHeaders) throws(ExchangeFailure) {
    guard request.awaited == .headers else { throw spurious("streamed_immediate_response") }
    guard headers.endOfStream || [.none, .fullDuplexStreamed].contains(request.bodyMode) else {
      throw .spurious(
        "streaming local response body is only supported in NONE or FULL_DUPLEX_STREAMED modes",
        reason: "a streamed_immediate_response with a body needs the request_body_mode NONE or FULL_DUPLEX_STREAMED")
    }
    let section = try section(headers.headers)
    guard section.contains(":status") else {
      throw ExchangeFailure(
        502, "filter_removed_required_response_headers{missing required header: :status}",
        "the streamed_immediate_response has no :status; set it in its headers_response")
    }
    localResponseHasStarted = true
    response.begin(section, body: [], trailers: [:], isWithoutBody: headers.endOfStream)
    response.passHeaders()
    request.finishWaiting()
    if headers.endOfStream { endLocalResponse() }
  }

  private mutating func endLocalResponse() {
    let local = HTTPResponse(
      section: response.headers, body: response.passedBody, hasBody: !response.endsWithHeaders,
      trailers: response.passedTrailers)
    endLocally(local, details: "ext_proc_local_response")
  }

  private func tooEarly(_ part: String) -> ExchangeFailure {
    .spurious(
      "local response \(part) received before headers",
      reason: "a streamed_immediate_response has \(part) before its headers_response; send that first")
  }

  private mutating func section(_ map: Envoy_Config_Core_V3_HeaderMap) throws(ExchangeFailure) -> HTTPFields {
    var section: HTTPFields = [:]
    var mutator = HeaderMutator(rules: filter.mutationRules)
    defer { exchange.warnings += mutator.warnings }
    let mutation = Envoy_Service_ExtProc_V3_HeaderMutation.with {
      $0.setHeaders = map.headers.map { header in
        .with {
          $0.header = header
          $0.append = true
        }
      }
    }
    try mutator.apply(mutation, to: &section)
    return section
  }
}
