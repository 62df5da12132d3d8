// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import NIOCore

extension Case {
  static let all = headers + bodies + answers + failures + streams + context

  private static let post = HTTPRequest("POST", body: "hello")
  private static let chunkedPost = HTTPRequest("POST", body: "hello", isChunked: true)
  private static let long = String(repeating: "0123456789abcdef", count: 20_000)
  private static let withTrailers = HTTPRequest("POST", body: "hello", trailers: ["x-trailer": "1"])

  /// A trial, and those that do the same but not at once.
  private static func each(_ trial: String, _ make: (String) -> [Case]) -> [Case] {
    [trial, "\(trial), waiting", "\(trial), on the thread pool"].flatMap(make)
  }

  private static let headers = each("headers") { trial in
    let request = HTTPRequest(fields: ["x-set": "0", "x-list": "a", "x-gone": "1"])
    return [
      Case(
        trial, request, see: { $0.sent("x-set", "x-upper", "x-empty", "x-list", "x-gone", "x-blank", "host") },
        seen: "1 2  a+b -  test.example", withinEnvoy: "1 2 - a+b - - test.example"),
      Case(trial, request, see: { $0.got("x-response", "x-more", "x-upstream") }, seen: "1 2 -"),
      Case(trial, HTTPRequest("GET", "/old"), see: { $0.upstream.last?.path ?? "" }, seen: "/new"),
      Case(trial, post, see: \.bodies, seen: "200 'hello' 'answer'"),
    ]
  }

  private static let bodies =
    each("pieces") { trial in
      [
        Case(trial, post, see: \.bodies, seen: "200 'HELLO.' 'ANSWER.'"),
        Case(trial, chunkedPost, see: { $0.upstream.last.map { String(buffer: $0.body) } ?? "" }, seen: "HELLO."),
        Case(
          trial, HTTPRequest("POST", body: long),
          see: { "\(String(buffer: $0.upstream.last?.body ?? ByteBuffer()) == long.uppercased() + ".")" }, seen: "true"),
        Case(trial, see: \.bodies, seen: "200 '' 'ANSWER.'"),
      ]
    }
    + each("pieces that pass") { trial in
      [
        Case(
          trial, HTTPRequest("POST", body: long), upstream: { HTTPResponse(body: String(buffer: $0.body)) },
          see: { "\($0.response?.text == long)" }, seen: "true")
      ]
    }
    + each("whole") { trial in
      [
        Case(trial, post, see: \.bodies, seen: "200 'olleh!' 'rewsna!'"),
        Case(trial, post, see: { $0.sent("x-length", "content-length") }, seen: "5 6"),
        Case(trial, chunkedPost, see: \.bodies, seen: "200 'olleh!' 'rewsna!'"),
        Case(trial, withTrailers, see: { $0.bodies + $0.sentTrailers("x-trailer") }, seen: "200 'olleh!' 'rewsna!'1"),
        Case(
          trial, HTTPRequest("POST", body: long),
          see: { "\(String(buffer: $0.upstream.last?.body ?? ByteBuffer()) == String(long.reversed()) + "!")" },
          seen: "true"),
        Case(trial, see: \.bodies, seen: "200 '' 'rewsna!'"),
      ]
    }
    + each("whole that passes") { trial in
      [
        Case(
          trial, HTTPRequest("POST", body: long), upstream: { HTTPResponse(body: String(buffer: $0.body)) },
          see: { "\($0.response?.text == long)" }, seen: "true"),
        Case(trial, withTrailers, see: { $0.bodies + $0.sentTrailers("x-trailer") }, seen: "200 'hello' 'answer'1"),
      ]
    }
    + each("whole over the limit") { [Case($0, post, see: \.status, seen: "413")] }
    + each("whole over the limit that passes") { [Case($0, post, see: \.bodies, seen: "200 'hello' 'answer'")] }
    + each("trailers") { trial in
      let upstream: HTTPUpstream.Responder = { _ in HTTPResponse(body: "answer", trailers: ["x-trailer": "2"]) }
      return [
        Case(trial, withTrailers, see: { $0.sentTrailers("x-trailer", "x-new-trailer") }, seen: "- 1"),
        Case(
          trial, withTrailers, upstream: upstream, see: { $0.gotTrailers("x-trailer", "x-new-trailer") }, seen: "2 2"),
        Case(trial, withTrailers, upstream: upstream, see: \.bodies, seen: "200 'hello' 'answer'"),
      ]
    }
    + each("replaced body") { trial in
      [
        Case(trial, see: \.bodies, seen: "200 'ours' 'ours too'"),
        Case(trial, post, see: \.bodies, seen: "200 'ours' 'ours too'"),
        Case(trial, chunkedPost, see: \.bodies, seen: "200 'ours' 'ours too'"),
        Case(trial, HTTPRequest("POST", body: long), see: \.bodies, seen: "200 'ours' 'ours too'"),
      ]
    }

  private static let answers =
    each("immediate") { trial in
      [
        Case(
          trial, see: { "\($0.bodies) \($0.got("x-why", "content-type"))" },
          seen: "403 '-' 'no entry' not you application/x"),
        Case(trial, HTTPRequest("POST", body: long), see: \.status, seen: "403"),
      ]
    }
    + each("immediate to a body") { [Case($0, post, see: \.bodies, seen: "403 '-' 'no entry'")] }
    + each("immediate to a response") { [Case($0, see: \.bodies, seen: "502 '' 'no answer'")] }
    + each("streamed answer") { trial in
      [
        Case(
          trial, see: { "\($0.bodies) \($0.got("x-from")) \($0.gotTrailers("x-last"))" },
          seen: "201 '-' 'abc' callout 1"),
        Case(trial, post, see: \.bodies, seen: "201 '-' 'abc'"),
      ]
    }
    + each("long streamed answer") { trial in
      [Case(trial, see: { "\($0.response?.body.readableBytes ?? 0)" }, seen: "5000000")]
    }
    + each("generated message") { [Case($0, see: { $0.sent("x-set") }, seen: "1")] }

  private static let failures =
    each("throwing") { [Case($0, see: \.status, seen: "500")] }
    + each("throwing that passes") { [Case($0, post, see: \.bodies, seen: "200 'hello' 'answer'")] }
    + each("throwing with an answer") { [Case($0, see: \.bodies, seen: "503 '-' 'later'")] }
    + each("denying") { [Case($0, see: \.bodies, seen: "403 '-' 'not you'")] }
    + each("illegal") { [Case($0, see: \.status, seen: "500")] }
    + [Case("late that passes", see: { "\($0.status) \($0.sent("x-set"))" }, seen: "200 -")]

  private static let context =
    each("attributes") { [Case($0, HTTPRequest("GET", "/a?b"), see: { $0.got("x-attributes") }, seen: "/a?b 200")] }
    + each("state") { trial in
      [
        Case(trial, see: { $0.got("x-seen") }, seen: "requestHeaders responseHeaders "),
        Case(
          trial, post, see: { $0.got("x-seen") }, seen: "requestHeaders requestBody responseHeaders "),
      ]
    }

  private static let streams =
    ["stream", "stream, waiting"].flatMap { trial in
      [
        Case(trial, post, see: { "\($0.bodies) \($0.sent("x-set"))" }, seen: "200 'HELLO.' 'answer' 1"),
        Case(
          trial, withTrailers, see: { "\($0.bodies) \($0.sentTrailers("x-trailer", "x-new-trailer"))" },
          seen: "200 'HELLO.' 'answer' 1 1"),
        Case(
          trial, HTTPRequest("POST", body: long),
          see: { "\(String(buffer: $0.upstream.last?.body ?? ByteBuffer()) == long.uppercased() + ".")" }, seen: "true"),
      ]
    }
    + [
      Case("response stream", see: { "\($0.bodies) \($0.got("x-response"))" }, seen: "200 '' 'ANSWER.' 1"),
      Case("stream that passes", post, see: \.bodies, seen: "200 'hello' 'answer'"),
      Case("stream that passes", see: \.bodies, seen: "200 '' 'answer'"),
      Case("stream that passes", HTTPRequest("POST", body: long), see: { $0.sent("content-length") }, seen: "-"),
      Case(
        "stream that is collected", post, see: { "\($0.bodies) \($0.sent("x-length"))" }, seen: "200 'hello' 'answer' 5"
      ),
      Case("stream that denies", post, see: \.bodies, seen: "403 '-' 'not you'"),
      Case("stream that fails and passes", post, see: \.bodies, seen: "200 'hello' 'answer'"),
    ]
}
