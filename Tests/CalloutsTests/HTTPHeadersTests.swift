// SPDX-License-Identifier: Apache-2.0
import Callouts
import ExtProcTesting
import NIOCore
import Testing

@Suite("HTTPHeaders and HTTPBody")
struct HTTPHeadersTests {
  private func headers(_ fields: KeyValuePairs<String, String>) throws -> HTTPHeaders {
    try ProcessingRequest(serialized: ProcessingRequestMessage.requestHeaders(fields).serialized()).headers()
  }

  @Test("a header is found by its name in any case, the first one where there are several")
  func find() throws {
    let headers = try headers(["x-one": "1", "X-Two": "2", "x-two": "3", "x-empty": ""])
    #expect(headers["X-ONE"] == "1")
    #expect(headers["x-two"] == "2")
    #expect(headers.values(of: "x-TWO") == ["2", "3"])
    #expect(headers.bytes(of: "x-two") == Array("2".utf8))
    #expect(headers["x-empty"] == "")
    #expect(headers.contains("x-empty"))
    #expect(headers["x-on"] == nil)
    #expect(headers.values(of: "x-on") == [])
    #expect(!headers.contains("x-onE2"))
  }

  @Test(
    "names that differ in a bit that is not a letter's case are different", arguments: ["x@a", "x`a", "x-[", "x-{"])
  func caseOnlyForLetters(name: String) throws {
    let twins = ["x@a": "x`a", "x`a": "x@a", "x-[": "x-{", "x-{": "x-["]
    let headers = try headers(["\(name)": "1"])
    #expect(headers[name] == "1")
    #expect(headers[twins[name]!] == nil)
  }

  @Test("headers are a sequence in the order sent, and their text may be any UTF-8")
  func sequence() throws {
    let headers = try headers([":path": "/é?q=%20", "a": "1", "a": "2"])
    #expect(headers.map { "\($0.name)=\($0.value)" } == [":path=/é?q=%20", "a=1", "a=2"])
  }

  @Test("the pseudo-headers have names of their own")
  func pseudoHeaders() throws {
    let headers = try headers([
      ":method": "GET", ":path": "/a?b", ":authority": "host:1", ":scheme": "https", ":status": "204",
    ])
    #expect(headers.method == "GET")
    #expect(headers.path == "/a?b")
    #expect(headers.authority == "host:1")
    #expect(headers.scheme == "https")
    #expect(headers.status == 204)
    #expect(try self.headers([":status": "x"]).status == nil)
    #expect(try self.headers([:]).method == nil)
  }

  @Test("the end of the stream is told, of headers and of bodies", arguments: [false, true])
  func endOfStream(flag: Bool) throws {
    let headers = ProcessingRequestMessage.responseHeaders([":status": "200"], endOfStream: flag)
    #expect(try ProcessingRequest(serialized: headers.serialized()).headers().endOfStream == flag)
    let body = ProcessingRequestMessage.responseBody("text", endOfStream: flag)
    #expect(try ProcessingRequest(serialized: body.serialized()).body().endOfStream == flag)
  }

  @Test("a body that is not text keeps its bytes, and its text is repaired")
  func binaryBody() throws {
    let message = ProcessingRequestMessage.requestBody(bytes: [0x61, 0xff, 0x00])
    let body = try ProcessingRequest(serialized: message.serialized()).body()
    #expect(Array(body.bytes.readableBytesView) == [0x61, 0xff, 0x00])
    #expect(body.string == "a\u{fffd}\0")
  }
}
