// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import CalloutTransport

/// What a request is sent on with.
struct RequestRewrite {
  /// In place of the client's `:authority`, or nil.
  var authority: String?
  var usesTLS: Bool
  /// In place of the client's metadata, or nil.
  var metadata: Metadata?
  /// Time left, or nil for no deadline.
  var timeout: Duration?
  /// To be appended to `x-forwarded-for`, or nil.
  var forwardedFor: String?
  /// Has backends send messages that are not compressed.
  var refusesCompression = false
}

extension HeaderFields {
  /// The request's headers as they are passed on: those of this connection alone are left out or made anew.
  func forwardedRequest(_ rewrite: RequestRewrite) -> HeaderFields {
    var fields = HeaderFields(reservingBytes: 512)
    var forwardedFor: [String] = []
    // HTTP/2 has the pseudo-headers first.
    fields.append(":method", "POST")
    fields.append(":scheme", rewrite.usesTLS ? "https" : "http")
    if let authority = rewrite.authority { fields.append(":authority", authority) }
    forEach { name, value in
      switch RequestField(name) {
      case .path: fields.append(name: name, value: value)
      case .authority: if rewrite.authority == nil { fields.append(name: name, value: value) }
      case .connection, .timeout: break
      case .acceptEncoding: if !rewrite.refusesCompression { fields.append(name: name, value: value) }
      case .protocol: fields.append(name: name, value: value)
      case .forwardedFor where rewrite.forwardedFor != nil:
        forwardedFor.append(String(decoding: value, as: UTF8.self))
      case .forwardedFor, .metadata: if rewrite.metadata == nil { fields.append(name: name, value: value) }
      }
    }
    fields.append("te", "trailers")
    if let timeout = rewrite.timeout { fields.append("grpc-timeout", GRPCTimeout.format(timeout)) }
    if let metadata = rewrite.metadata {
      for (name, value) in metadata.wirePairs where name != "host" {
        if name != "x-forwarded-for" || rewrite.forwardedFor == nil { fields.append(name, value) }
      }
      forwardedFor = metadata.strings("x-forwarded-for")
    }
    if let address = rewrite.forwardedFor {
      // In one field behind all others: who reads them from the end must come upon the address that we saw first.
      fields.append("x-forwarded-for", (forwardedFor + [address]).joined(separator: ", "))
    }
    return fields
  }

  /// A response's headers or trailers as they are passed on; with `:status` if it `isHead`.
  func forwardedResponse(isHead: Bool) -> HeaderFields {
    var fields = HeaderFields(reservingBytes: 256)
    if isHead {
      fields.append(":status", "200")
      // A status that came in trailers may have to go alone.
      if self["content-type"] == nil { fields.append("content-type", "application/grpc") }
    }
    forEach { name, value in
      if name.first != UInt8(ascii: ":"), !Self.isOfConnection(name) { fields.append(name: name, value: value) }
    }
    return fields
  }

  /// Fields that mean one connection and no other (RFC 9110 §7.6.1).
  fileprivate static func isOfConnection(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
    switch name.count {
    case 2: StaticString("te").matches(name)
    // HTTP/2 has :authority in its place, which may be another for the backend.
    case 4: StaticString("host").matches(name)
    case 7: StaticString("upgrade").matches(name) || StaticString("trailer").matches(name)
    case 10: StaticString("connection").matches(name) || StaticString("keep-alive").matches(name)
    case 14: StaticString("content-length").matches(name)
    case 16: StaticString("proxy-connection").matches(name)
    case 17: StaticString("transfer-encoding").matches(name)
    default: false
    }
  }
}

/// What a field of a request is to a proxy.
private enum RequestField {
  case path, authority
  /// Made anew.
  case timeout
  /// Left out.
  case connection
  case acceptEncoding
  /// gRPC's own, which says how messages are to be read.
  case `protocol`
  case forwardedFor
  case metadata

  init(_ name: UnsafeBufferPointer<UInt8>) {
    self =
      switch name.count {
      case 5 where StaticString(":path").matches(name): .path
      case 10 where StaticString(":authority").matches(name): .authority
      case 12 where StaticString("content-type").matches(name): .protocol
      case 12 where StaticString("grpc-timeout").matches(name): .timeout
      case 15 where StaticString("x-forwarded-for").matches(name): .forwardedFor
      case 20 where StaticString("grpc-accept-encoding").matches(name): .acceptEncoding
      case 5... where name.starts(with: "grpc-".utf8): .protocol
      default: name.first == UInt8(ascii: ":") || HeaderFields.isOfConnection(name) ? .connection : .metadata
      }
  }
}
