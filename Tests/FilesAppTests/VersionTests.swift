// SPDX-License-Identifier: Apache-2.0
import HTTPTypes
import Testing

@testable import FilesApp

@Suite("Versions of a file")
struct VersionTests {
  private static let date = "Sun, 06 Nov 1994 08:49:37 GMT"
  private let version = Version(tag: #""a-b""#, modified: HTTPDate(seconds: 784_111_777))

  @Test(
    "times have three forms",
    arguments: [date, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])
  func forms(text: String) {
    #expect(HTTPDate(text) == version.modified)
    #expect(version.modified.text == Self.date)
  }

  @Test(
    "what is no time is none",
    arguments: ["", "yesterday", "784111777", "Sun, 06 Nov 1994 08:49:37 GMT+1", "Sun, 99 Nov 1994 08:49:37 GMT"])
  func noTime(text: String) { #expect(HTTPDate(text) == nil) }

  @Test("every time that a file can have is a text", arguments: [Int.min, -1, 0, 67_767_976_233_529_199, Int.max])
  func extremes(seconds: Int) { #expect(HTTPDate(seconds: seconds).text.hasSuffix(" GMT")) }

  @Test(
    "a client that has the version is told so",
    arguments: [
      ([.ifNoneMatch: #""a-b""#], true), ([.ifNoneMatch: #"W/"a-b", "c""#], true), ([.ifNoneMatch: "*"], true),
      ([.ifNoneMatch: #""a""#], false), ([.ifModifiedSince: date], true),
      ([.ifModifiedSince: "Sun, 06 Nov 1994 08:49:38 GMT"], true),
      ([.ifModifiedSince: "Sun, 06 Nov 1994 08:49:36 GMT"], false), ([.ifModifiedSince: "today"], false),
      ([.ifNoneMatch: #""a""#, .ifModifiedSince: date], false), ([:], false),
    ] as [(HTTPFields, Bool)])
  func known(fields: HTTPFields, isKnown: Bool) {
    #expect(version.isKnown(to: request(.get, fields)) == isKnown)
  }

  @Test(
    "a range is of the version that the client means",
    arguments: [
      ([:], true), ([.ifRange: #""a-b""#], true), ([.ifRange: #"W/"a-b""#], false), ([.ifRange: #""c""#], false),
      ([.ifRange: date], true), ([.ifRange: "Sun, 06 Nov 1994 08:49:38 GMT"], false), ([.ifRange: "today"], false),
    ] as [(HTTPFields, Bool)])
  func range(fields: HTTPFields, isMeant: Bool) {
    var fields = fields
    fields[.range] = "bytes=1-2"
    #expect((version.range(for: request(.get, fields)) != nil) == isMeant)
    #expect(version.range(for: request(.head, fields)) == nil)
  }

  @Test("a file that may still change in the same second has no time to go by")
  func fresh() {
    let request = request(.get, [.ifRange: Self.date, .range: "bytes=1-2"])
    #expect(version.range(for: request, now: version.modified) == nil)
  }

  private func request(_ method: HTTPRequest.Method, _ fields: HTTPFields) -> HTTPRequest {
    HTTPRequest(method: method, scheme: nil, authority: nil, path: "/", headerFields: fields)
  }
}
