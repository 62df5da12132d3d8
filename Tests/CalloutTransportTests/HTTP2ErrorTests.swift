// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import Testing

@Suite("HTTP/2 errors")
struct HTTP2ErrorTests {
  @Test(
    "codes have the names and numbers of RFC 9113 §7",
    arguments: [
      (HTTP2ErrorCode.noError, 0, "NO_ERROR"), (.protocolError, 1, "PROTOCOL_ERROR"),
      (.internalError, 2, "INTERNAL_ERROR"), (.flowControlError, 3, "FLOW_CONTROL_ERROR"),
      (.settingsTimeout, 4, "SETTINGS_TIMEOUT"), (.streamClosed, 5, "STREAM_CLOSED"),
      (.frameSizeError, 6, "FRAME_SIZE_ERROR"), (.refusedStream, 7, "REFUSED_STREAM"), (.cancel, 8, "CANCEL"),
      (.compressionError, 9, "COMPRESSION_ERROR"), (.connectError, 10, "CONNECT_ERROR"),
      (.enhanceYourCalm, 11, "ENHANCE_YOUR_CALM"), (.inadequateSecurity, 12, "INADEQUATE_SECURITY"),
      (.http11Required, 13, "HTTP_1_1_REQUIRED"),
    ] as [(HTTP2ErrorCode, UInt32, String)])
  func names(code: HTTP2ErrorCode, number: UInt32, name: String) {
    #expect(code.rawValue == number)
    #expect(code.description == name)
  }

  @Test("a code of nobody's is described by its number")
  func unknown() {
    #expect(HTTP2ErrorCode(rawValue: 4_000_000_000).description == "error code 4000000000")
  }

  @Test("an error says what, who and why")
  func description() {
    let error = HTTP2Error(.protocolError, by: .remote, "no preface")
    #expect(error.description == "PROTOCOL_ERROR (remote): no preface")
  }
}
