// SPDX-License-Identifier: Apache-2.0
public import NIOCore
internal import NIOHTTP1

/// An HTTP/1.1 request, whole.
public struct HTTPRequest: Sendable {
  public var method: String
  /// The path with its query.
  public var path: String
  public var fields: HTTPFields
  public var body: ByteBuffer
  /// Sends the body in chunks, without a content-length; trailers need that.
  public var isChunked: Bool
  public var trailers: HTTPFields

  public init(
    _ method: String = "GET", _ path: String = "/", fields: HTTPFields = [:], body: String = "",
    isChunked: Bool = false, trailers: HTTPFields = [:]
  ) {
    self.method = method
    self.path = path
    self.fields = fields
    self.body = ByteBuffer(string: body)
    self.isChunked = isChunked
    self.trailers = trailers
  }
}

/// An HTTP/1.1 response, whole.
public struct HTTPResponse: Sendable {
  public var status: Int
  public var fields: HTTPFields
  public var body: ByteBuffer
  /// Sends the body in chunks, without a content-length; trailers need that.
  public var isChunked: Bool
  public var trailers: HTTPFields

  public init(
    status: Int = 200, fields: HTTPFields = [:], body: String = "", isChunked: Bool = false,
    trailers: HTTPFields = [:]
  ) {
    self.status = status
    self.fields = fields
    self.body = ByteBuffer(string: body)
    self.isChunked = isChunked
    self.trailers = trailers
  }

  /// The body as text.
  public var text: String { String(buffer: body) }
}

/// The header or trailer fields of a message, in order.
public struct HTTPFields: Sendable, Hashable, ExpressibleByDictionaryLiteral, CustomStringConvertible {
  /// One field.
  public struct Field: Sendable, Hashable {
    public var name: String
    public var value: String
  }

  /// All fields, in order.
  public var all: [Field]

  /// Adds a field, or a further value of one.
  public mutating func add(_ name: String, _ value: String) { all.append(Field(name: name, value: value)) }

  public init(dictionaryLiteral fields: (String, String)...) {
    all = fields.map { Field(name: $0, value: $1) }
  }

  /// The first value of a field, its name in any case, or nil where it is missing.
  public subscript(name: String) -> String? { values(of: name).first }

  /// All values of a field, in order.
  public func values(of name: String) -> [String] {
    all.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
  }

  public var description: String { all.map { "\($0.name): \($0.value)" }.joined(separator: "\n") }
}

extension HTTPFields {
  init(_ headers: NIOHTTP1.HTTPHeaders) {
    self = [:]
    all = headers.map { Field(name: $0.name, value: $0.value) }
  }

  var nio: NIOHTTP1.HTTPHeaders { NIOHTTP1.HTTPHeaders(all.map { ($0.name, $0.value) }) }

  /// The fields with the one that says how the body is framed.
  func framing(_ body: ByteBuffer, isChunked: Bool, always: Bool) -> NIOHTTP1.HTTPHeaders {
    var headers = nio
    if isChunked {
      headers.replaceOrAdd(name: "transfer-encoding", value: "chunked")
    } else if always || body.readableBytes > 0 {
      headers.replaceOrAdd(name: "content-length", value: "\(body.readableBytes)")
    }
    return headers
  }
}
