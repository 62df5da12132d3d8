// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import LLMGateway

@Suite("Server-sent events")
struct ServerSentEventsTests {
  @Test(
    "an event's data is read, everything else left out",
    arguments: [
      (#"data: {"k":"v"}"#, [#"{"k":"v"}"#]), ("data:  hello", ["hello"]), ("data:hello", ["hello"]),
      ("data: [DONE]", ["[DONE]"]), ("data: a\ndata: b", ["a\nb"]), ("data: a\n\ndata: b", ["a", "b"]),
      (": comment\nevent: e\nid: 1\nretry: 5\ndata: a", ["a"]), ("event: e", []), (": data: a", []), ("", []),
      ("database: a", []), ("data", [""]), ("data: a\n\n\n\n: b", ["a"]), ("\u{FEFF}data: a", ["a"]),
      ("data: a\n\n\u{FEFF}data: b", ["a"]), ("data: a: b", ["a: b"]), (" data: a", []),
    ])
  func data(text: String, expected: [String]) {
    for end in ["\n", "\r", "\r\n"] {
      var events = ServerSentEvents()
      let text = (text + "\n\n").split(separator: "\n", omittingEmptySubsequences: false).joined(separator: end)
      #expect(events.receive(text.utf8) == expected)
      #expect(events.heldBytes == 0)
    }
  }

  @Test("an event is held until it ends, or the stream does")
  func held() {
    var events = ServerSentEvents()
    #expect(events.receive("data: a".utf8) == [] && events.heldBytes == 7)
    #expect(events.receive("b\r\n".utf8) == [] && events.heldBytes == 2)
    #expect(events.receive("data: c".utf8) == [])
    #expect(events.finish() == "ab\nc")
    #expect(events.finish() == nil && events.heldBytes == 0)
  }

  @Test("a comment that ends in CRLF leaves nothing behind")
  func comment() {
    var events = ServerSentEvents()
    #expect(events.receive(": keep-alive\r\n\r\n".utf8) == [] && events.heldBytes == 0)
  }

  @Test("the same events come of a stream however it is cut, in characters and line ends too")
  func cuts() {
    let stream = Array(
      "data: Grüß dich 😀\r\n\r\n: ping\n\nevent: e\rdata: {\r\rdata: 1\r\ndata: 2\r\n\ndata: é\n\r\n".utf8)
    let expected = ["Grüß dich 😀", "{", "1\n2", "é"]
    var random = SystemRandomNumberGenerator()
    for round in 0..<2_000 {
      var events = ServerSentEvents()
      var seen: [String] = []
      var rest = stream[...]
      var cuts: [Int] = []
      while !rest.isEmpty {
        let length = round == 0 ? 1 : Int.random(in: 0...min(rest.count, 12), using: &random)
        cuts.append(length)
        seen += events.receive(rest.prefix(length))
        rest = rest.dropFirst(length)
      }
      #expect(seen == expected && events.heldBytes == 0, "cut in pieces of \(cuts)")
    }
  }

  @Test("no bytes crash it, nor make it hold more than its limit")
  func noise() {
    var random = SystemRandomNumberGenerator()
    let parts =
      ["data: ", "data", "\n", "\r", "\r\n", ":", "event: x", "\u{FEFF}", "é"].map { Array($0.utf8) } + [
        [0], [0xff], [0xc3],
      ]
    for _ in 0..<500 {
      var events = ServerSentEvents(upTo: 64)
      for _ in 0..<50 {
        let piece = (0..<Int.random(in: 0...12, using: &random)).flatMap { _ in parts.randomElement(using: &random)! }
        let seen = events.receive(piece.dropLast(Int.random(in: 0...1, using: &random)))
        // A byte that is no UTF-8 is read as a character of three.
        #expect(events.heldBytes <= 64 && seen.allSatisfy { $0.utf8.count <= 3 * 64 })
      }
      _ = events.finish()
      #expect(events.heldBytes == 0)
    }
  }

  @Test("an event over the limit ends the reading, in one line or in many")
  func limit() {
    for line in [String(repeating: "x", count: 200), String(repeating: "x\ndata: ", count: 200)] {
      var events = ServerSentEvents(upTo: 100)
      #expect(events.receive("data: a\n\ndata: \(line)\n\ndata: b\n\n".utf8) == ["a"])
      #expect(events.isOverLimit && events.heldBytes == 0)
      #expect(events.receive("data: c\n\n".utf8) == [] && events.finish() == nil)
    }
  }

  @Test("an event of very many lines takes no longer than one of few", .timeLimit(.minutes(1)))
  func manyLines() {
    var events = ServerSentEvents()
    let lines = String(repeating: "data:\n", count: 1_000_000)
    #expect(events.receive((lines + "\n").utf8).map(\.utf8.count) == [999_999])
  }
}
