// SPDX-License-Identifier: Apache-2.0
internal import CalloutTransport

/// What gRPC reads of a request's headers, found in one pass ("gRPC over HTTP/2", Requests).
///
/// An object, since most of a connection's requests have the same.
final class RequestHead {
  private(set) var isPost = false
  private(set) var codec = Codec.none
  /// The path where it is not the one that was expected.
  private(set) var otherPath: String?
  private(set) var timeout: Timeout?
  private(set) var encoding: Encoding?

  /// What the content type says of the messages.
  enum Codec {
    /// It is no gRPC.
    case none
    case protobuf
    /// Something else, which only a proxy takes.
    case other
  }

  enum Timeout { case after(Duration), malformed }
  enum Encoding { case known(Compression), unknown(String) }

  /// - Parameter expectedPath: the path of the call before; a client calls the same method again and again, so
  ///   bytes are compared before a string is made of them.
  init(_ fields: HeaderFields, expectedPath: [UInt8]) {
    otherPath = ""
    fields.forEach { name, value in
      switch name.count {
      case 5 where StaticString(":path").matches(name):
        let isExpected = expectedPath.withUnsafeBytes { UnsafeRawBufferPointer(value).isEqual(to: $0) }
        otherPath = isExpected ? nil : String(decoding: value, as: UTF8.self)
      case 7 where StaticString(":method").matches(name): isPost = StaticString("POST").matches(value)
      case 12 where StaticString("content-type").matches(name): codec = Self.codec(value)
      case 12 where StaticString("grpc-timeout").matches(name):
        timeout = GRPCTimeout.parse(value).map(Timeout.after) ?? .malformed
      case 13 where StaticString("grpc-encoding").matches(name):
        let name = String(decoding: value, as: UTF8.self)
        encoding = Compression(rawValue: name).map(Encoding.known) ?? .unknown(name)
      default: break
      }
    }
  }

  private static func codec(_ contentType: UnsafeBufferPointer<UInt8>) -> Codec {
    let base: StaticString = "application/grpc"
    guard contentType.count >= base.utf8CodeUnitCount,
      base.matches(UnsafeBufferPointer(rebasing: contentType.prefix(base.utf8CodeUnitCount)))
    else { return .none }
    let rest = contentType.dropFirst(base.utf8CodeUnitCount)
    if rest.isEmpty || rest.first == UInt8(ascii: ";") || rest.elementsEqual("+proto".utf8)
      || rest.starts(with: "+proto;".utf8)
    {
      return .protobuf
    }
    return rest.first == UInt8(ascii: "+") ? .other : .none
  }
}
