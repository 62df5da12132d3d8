// SPDX-License-Identifier: Apache-2.0

/// How a call ended: a status code and a message for a developer to read.
///
/// It is thrown to end a call with that code. The message travels percent-encoded in `grpc-message`, so it may
/// hold any text, but every peer sees it: keep secrets out. Source: "gRPC over HTTP/2", Responses.
public struct GRPCStatus: Error, Hashable, Sendable, CustomStringConvertible {
  public var code: Code
  public var message: String

  public init(_ code: Code, _ message: String = "") {
    self.code = code
    self.message = message
  }

  /// The call succeeded.
  public static let ok = GRPCStatus(.ok)

  public var description: String {
    message.isEmpty ? code.description : "\(code): \(message)"
  }

  /// A number saying how a call ended, as sent in `grpc-status`.
  ///
  /// Numbers outside 0...16 are kept as they came; they describe themselves in digits.
  /// Source: "Status codes and their use in gRPC".
  public struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    public var rawValue: Int

    public init(rawValue: Int) {
      self.rawValue = rawValue
    }

    public static let ok = Code(rawValue: 0)
    public static let cancelled = Code(rawValue: 1)
    public static let unknown = Code(rawValue: 2)
    public static let invalidArgument = Code(rawValue: 3)
    public static let deadlineExceeded = Code(rawValue: 4)
    public static let notFound = Code(rawValue: 5)
    public static let alreadyExists = Code(rawValue: 6)
    public static let permissionDenied = Code(rawValue: 7)
    public static let resourceExhausted = Code(rawValue: 8)
    public static let failedPrecondition = Code(rawValue: 9)
    public static let aborted = Code(rawValue: 10)
    public static let outOfRange = Code(rawValue: 11)
    public static let unimplemented = Code(rawValue: 12)
    public static let `internal` = Code(rawValue: 13)
    public static let unavailable = Code(rawValue: 14)
    public static let dataLoss = Code(rawValue: 15)
    public static let unauthenticated = Code(rawValue: 16)

    /// The name gRPC gives the code, such as `UNAVAILABLE`.
    public var description: String {
      switch self {
      case .ok: "OK"
      case .cancelled: "CANCELLED"
      case .unknown: "UNKNOWN"
      case .invalidArgument: "INVALID_ARGUMENT"
      case .deadlineExceeded: "DEADLINE_EXCEEDED"
      case .notFound: "NOT_FOUND"
      case .alreadyExists: "ALREADY_EXISTS"
      case .permissionDenied: "PERMISSION_DENIED"
      case .resourceExhausted: "RESOURCE_EXHAUSTED"
      case .failedPrecondition: "FAILED_PRECONDITION"
      case .aborted: "ABORTED"
      case .outOfRange: "OUT_OF_RANGE"
      case .unimplemented: "UNIMPLEMENTED"
      case .internal: "INTERNAL"
      case .unavailable: "UNAVAILABLE"
      case .dataLoss: "DATA_LOSS"
      case .unauthenticated: "UNAUTHENTICATED"
      default: "\(rawValue)"
      }
    }
  }
}

extension GRPCStatus {
  /// The status of a response that came without `grpc-status`, told from its HTTP status.
  ///
  /// Source: "HTTP to gRPC Status Code Mapping". A status that table leaves out, 200 included, is UNKNOWN.
  public init(httpStatus: Int) {
    let code: Code =
      switch httpStatus {
      case 400: .internal
      case 401: .unauthenticated
      case 403: .permissionDenied
      case 404: .unimplemented
      case 429, 502, 503, 504: .unavailable
      default: .unknown
      }
    self.init(code, "response without grpc-status, HTTP status \(httpStatus)")
  }

  /// The status of a call whose stream the peer reset, told from the error code in RST_STREAM.
  ///
  /// Source: "gRPC over HTTP/2", Errors. The codes that table gives no status, STREAM_CLOSED and
  /// HTTP_1_1_REQUIRED, are INTERNAL; codes HTTP/2 does not define are UNKNOWN.
  public init(http2ErrorCode: UInt32) {
    let code: Code =
      switch http2ErrorCode {
      case 0x7: .unavailable  // REFUSED_STREAM
      case 0x8: .cancelled  // CANCEL
      case 0xb: .resourceExhausted  // ENHANCE_YOUR_CALM
      case 0xc: .permissionDenied  // INADEQUATE_SECURITY
      case 0x0...0xd: .internal
      default: .unknown
      }
    self.init(code, "stream reset, HTTP/2 error code \(http2ErrorCode)")
  }
}
