// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import NIOCore
import Testing

@Suite("prepared fields")
struct PreparedFieldsTests {
  @Test("the same fields can be sent on any number of streams")
  func reuse() throws {
    let fields = PreparedFields([":status": "200", "a": "1", "b": "", "a": "2"])
    let pair = try SessionPair()
    for _ in 0..<10 {
      let (request, answer) = try pair.open()
      request.end()
      answer.sendHeaders(fields, endStream: true)
      try pair.exchange()
      #expect(pair.client.record(request.id).sections.map(\.pairs) == [[":status: 200", "a: 1", "b: ", "a: 2"]])
    }
  }

  @Test("fields sent as trailers are the last of a stream")
  func trailers() throws {
    let pair = try SessionPair()
    let (request, answer) = try pair.open()
    request.end()
    answer.sendHeaders(.response)
    answer.write { $0.writeString("x") }
    answer.end(trailers: PreparedFields(["grpc-status": "0"]))
    try pair.exchange()
    #expect(pair.client.log == ["headers 1", "data 1 1", "headers 1", "end 1", "closed 1 NO_ERROR"])
    #expect(pair.client.record(1).sections.last?.pairs == ["grpc-status: 0"])
  }
}
