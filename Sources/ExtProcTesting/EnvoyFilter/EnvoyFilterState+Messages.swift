// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import EnvoyAPI
internal import NIOCore
internal import SwiftProtobuf

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

// What the filter sends.

extension EnvoyFilterState {
  mutating func sendHeaders(_ direction: Direction) {
    let headers = Envoy_Service_ExtProc_V3_HttpHeaders.with {
      $0.headers = self[direction].headers.message
      $0.endOfStream = self[direction].endsWithHeaders
    }
    self[direction].headersCanChange = true
    send(direction, direction == .request ? .requestHeaders(headers) : .responseHeaders(headers), for: .headers)
  }

  /// - Parameter awaited: what the reply answers. While the reply to the headers is awaited, it stays that.
  mutating func sendBody(
    _ direction: Direction, _ bytes: ByteBuffer, isLast: Bool, for awaited: ExchangeHalf.Awaited = .nothing
  ) {
    let body = Envoy_Service_ExtProc_V3_HttpBody.with {
      $0.body = Data(bytes.readableBytesView)
      $0.endOfStream = isLast
    }
    self[direction].bodyWasSent = true
    let waitsForHeaders = self[direction].awaited == .headers
    send(
      direction, direction == .request ? .requestBody(body) : .responseBody(body),
      for: waitsForHeaders ? .headers : awaited)
  }

  mutating func sendTrailers(_ direction: Direction, _ fields: HTTPFields) {
    guard !self[direction].trailersWereSent else { return }
    self[direction].trailersWereSent = true
    let trailers = Envoy_Service_ExtProc_V3_HttpTrailers.with { $0.trailers = fields.message }
    let awaited = self[direction].awaited
    send(
      direction, direction == .request ? .requestTrailers(trailers) : .responseTrailers(trailers),
      for: awaited == .nothing ? .trailers : awaited)
  }

  private mutating func send(
    _ direction: Direction, _ part: ProcessingRequestMessage.OneOf_Request, for awaited: ExchangeHalf.Awaited
  ) {
    var message = ProcessingRequestMessage.with { $0.request = part }
    message.metadataContext.filterMetadata = filter.forwardedMetadata
    addAttributes(&message, direction)
    if filter.observabilityMode {
      message.observabilityMode = true
    } else {
      addProtocolConfig(&message)
      self[direction].awaited = awaited
      startTimer(direction)
    }
    streamIsOpen = true
    exchange.requests.append(message)
    effects.append(.send(message))
  }

  private mutating func addAttributes(_ message: inout ProcessingRequestMessage, _ direction: Direction) {
    let attributes = direction == .request ? filter.requestAttributes : filter.responseAttributes
    guard !self[direction].attributesWereSent, !attributes.isEmpty else { return }
    self[direction].attributesWereSent = true
    message.attributes["envoy.filters.http.ext_proc"] = .init(fields: attributes)
  }

  private mutating func addProtocolConfig(_ message: inout ProcessingRequestMessage) {
    guard !protocolConfigWasSent else { return }
    protocolConfigWasSent = true
    message.protocolConfig = .with {
      $0.requestBodyMode = request.bodyMode
      $0.responseBodyMode = response.bodyMode
      $0.sendBodyWithoutWaitingForHeaderResponse = filter.sendBodyWithoutWaitingForHeaderResponse
    }
  }

  private mutating func startTimer(_ direction: Direction) {
    self[direction].timeoutWasOverridden = false
    let isUntimed = self[direction].bodyMode == .fullDuplexStreamed
    if !isUntimed { self[direction].deadline = now + filter.messageTimeout }
  }
}
