// SPDX-License-Identifier: Apache-2.0
public import NIOCore

/// An answer that the proxy gives the client in place of the upstream's.
///
/// Source: `envoy.service.ext_proc.v3.ImmediateResponse`.
public struct ImmediateResponse: Sendable {
  /// The HTTP status, 200 to 599: Envoy makes 200 of anything less.
  public var status: Int
  /// Headers to set on the answer.
  public var headers: HeaderMutation
  public var body: ByteBuffer
  /// The gRPC status for a gRPC client, where Envoy's translation of the HTTP status will not do.
  public var grpcStatus: UInt32?
  /// Why, as Envoy's access log shows it in `%RESPONSE_CODE_DETAILS%`.
  public var details: String

  public init(
    status: Int, headers: HeaderMutation = HeaderMutation(), body: ByteBuffer = ByteBuffer(),
    grpcStatus: UInt32? = nil, details: String = ""
  ) {
    self.status = status
    self.headers = headers
    self.body = body
    self.grpcStatus = grpcStatus
    self.details = details
  }

  public init(
    status: Int, headers: KeyValuePairs<String, String> = [:], body: String, details: String = ""
  ) {
    self.init(
      status: status, headers: HeaderMutation(set: headers), body: ByteBuffer(string: body), details: details)
  }
}

extension ImmediateResponse {
  // ImmediateResponse{status = 1 HttpStatus{code = 1}, headers = 2, body = 3, grpc_status = 4 {status = 1}, details = 5}

  private var size: Int {
    var size = Protobuf.sizeOfField(statusSize)
    if !headers.isEmpty { size += Protobuf.sizeOfField(headers.serialized.count) }
    if body.readableBytes > 0 { size += Protobuf.sizeOfField(body.readableBytes) }
    if let grpcStatus { size += Protobuf.sizeOfField(1 + Protobuf.sizeOfVarint(UInt64(grpcStatus))) }
    if !details.isEmpty { size += Protobuf.sizeOfField(details.utf8.count) }
    return size
  }

  /// Writes ProcessingResponse{immediate_response = 7}.
  func write(to buffer: inout ByteBuffer) {
    let size = size
    buffer.writeProtobuf(size: Protobuf.sizeOfField(size)) { writer in
      writer.head(field: 7, length: size)
      writer.head(field: 1, length: statusSize)
      writer.varint(field: 1, UInt64(status))
      if !headers.isEmpty {
        writer.head(field: 2, length: headers.serialized.count)
        writer.array(headers.serialized)
      }
      if body.readableBytes > 0 { writer.bytes(field: 3, body) }
      if let grpcStatus {
        writer.head(field: 4, length: 1 + Protobuf.sizeOfVarint(UInt64(grpcStatus)))
        writer.varint(field: 1, UInt64(grpcStatus))
      }
      if !details.isEmpty { writer.string(field: 5, details) }
    }
  }

  package func check() throws(CalloutError) {
    try Self.check(status: status)
    try headers.check()
  }

  package static func check(status: Int) throws(CalloutError) {
    guard (200...599).contains(status) else {
      throw .illegal("status \(status) of an immediate response is not between 200 and 599")
    }
  }

  private var statusSize: Int { 1 + Protobuf.sizeOfVarint(UInt64(status)) }
}
