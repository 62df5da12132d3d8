// SPDX-License-Identifier: Apache-2.0
package import CalloutTransport

/// The header sections of gRPC's answers ("gRPC over HTTP/2", Responses).
package enum GRPCFields {
  static let responseHeaders = PreparedFields([
    ":status": "200", "content-type": "application/grpc",
  ])
  /// The same for those who add to it.
  package static let plainResponseHeaders: HeaderFields = [":status": "200", "content-type": "application/grpc"]
  static let gzipResponseHeaders = PreparedFields([
    ":status": "200", "content-type": "application/grpc", "grpc-encoding": "gzip",
    "grpc-accept-encoding": "identity,gzip",
  ])
  static let okTrailers = PreparedFields(["grpc-status": "0"])

  static let methodNotAllowed = PreparedFields([":status": "405", "allow": "POST"])
  static let unsupportedMediaType = PreparedFields([":status": "415", "accept": "application/grpc"])

  package static func trailers(_ status: GRPCStatus, _ metadata: Metadata) -> HeaderFields {
    var fields: HeaderFields = [:]
    append(status, metadata, to: &fields)
    return fields
  }

  package static func trailersOnly(_ status: GRPCStatus, _ metadata: Metadata) -> HeaderFields {
    var fields: HeaderFields = [
      ":status": "200", "content-type": "application/grpc", "grpc-accept-encoding": Compression.advertised,
    ]
    append(status, metadata, to: &fields)
    return fields
  }

  private static func append(_ status: GRPCStatus, _ metadata: Metadata, to fields: inout HeaderFields) {
    fields.append("grpc-status", String(status.code.rawValue))
    if !status.message.isEmpty { fields.append("grpc-message", PercentEncoding.encode(status.message)) }
    for (name, value) in metadata.wirePairs { fields.append(name, value) }
  }
}
