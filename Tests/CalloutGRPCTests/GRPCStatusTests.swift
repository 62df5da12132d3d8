// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import Testing

@Suite("gRPC status")
struct GRPCStatusTests {
  @Test("codes carry the numbers and names of the specification")
  func codes() {
    let names = [
      "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
      "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
      "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
    ]
    let codes: [GRPCStatus.Code] = [
      .ok, .cancelled, .unknown, .invalidArgument, .deadlineExceeded, .notFound, .alreadyExists, .permissionDenied,
      .resourceExhausted, .failedPrecondition, .aborted, .outOfRange, .unimplemented, .internal, .unavailable,
      .dataLoss, .unauthenticated,
    ]
    #expect(codes.map(\.rawValue) == Array(0...16))
    #expect(codes.map(\.description) == names)
  }

  @Test("a number without a name is kept and described in digits")
  func unnamedCode() {
    #expect(GRPCStatus.Code(rawValue: 42).rawValue == 42)
    #expect(GRPCStatus.Code(rawValue: 42).description == "42")
  }

  @Test("a status describes itself by name, with the message when there is one")
  func description() {
    #expect(GRPCStatus.ok.description == "OK")
    #expect(GRPCStatus(.unavailable, "going away").description == "UNAVAILABLE: going away")
  }

  @Test(
    "an HTTP status without grpc-status maps as the specification's table says",
    arguments: [
      (400, GRPCStatus.Code.internal), (401, .unauthenticated), (403, .permissionDenied), (404, .unimplemented),
      (429, .unavailable), (502, .unavailable), (503, .unavailable), (504, .unavailable),
      (200, .unknown), (500, .unknown), (418, .unknown),
    ])
  func httpStatus(status: Int, code: GRPCStatus.Code) {
    #expect(GRPCStatus(httpStatus: status).code == code)
  }

  @Test(
    "an RST_STREAM error code maps as the specification's table says",
    arguments: [
      (UInt32(0x0), GRPCStatus.Code.internal), (0x1, .internal), (0x2, .internal), (0x3, .internal), (0x4, .internal),
      (0x5, .internal), (0x6, .internal), (0x7, .unavailable), (0x8, .cancelled), (0x9, .internal), (0xa, .internal),
      (0xb, .resourceExhausted), (0xc, .permissionDenied), (0xd, .internal), (0xe, .unknown), (.max, .unknown),
    ])
  func http2ErrorCode(errorCode: UInt32, code: GRPCStatus.Code) {
    #expect(GRPCStatus(http2ErrorCode: errorCode).code == code)
  }
}
