// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import ExtAuthz
import ExtProcTesting
import Logging
import NIOCore
import SwiftProtobuf
import Testing

@Suite("Replies that Envoy would refuse")
struct IllegalReplyTests {
  static let illegal: [(CheckReply, String)] = [
    (.complete(.init()), "it has no status"),
    (.complete(.with { $0.deniedResponse = .init() }), "it has no status"),
    (.complete(.with { ($0.status, $0.deniedResponse) = (.init(), .init()) }), "its status is OK"),
    (.complete(.with { ($0.status, $0.errorResponse) = (.init(), .init()) }), "its status is OK"),
    (
      .complete(
        .with {
          $0.status.code = 7
          $0.deniedResponse.status.code = .continue
        }), "status 100"
    ),
    (
      .complete(
        .with {
          $0.status = .init()
          $0.okResponse.headers = [.with { ($0.header.key, $0.header.rawValue) = ("a", .init("1".utf8)) }]
        }), "use `value`"
    ),
    (.allow(set: ["bad name": "1"]), "'bad name' is no header name"),
    (.allow(remove: ["bad name"]), "'bad name' is no header name"),
    (.allow(set: ["a": "1\n2"]), "the value of header 'a'"),
    (.allow(append: [":path": "/"]), "':path' can have only one value"),
    (.allow(responseHeaders: HeaderMutation(remove: ["a"])), "cannot remove the response's header 'a'"),
    (.allow(responseHeaders: HeaderMutation(set: ["a": "\r\n"])), "the value of header 'a'"),
    (
      .allow(responseHeaders: HeaderMutation(set: ["set-cookie": "a"], append: ["set-cookie": "b"])),
      "several values"
    ),
    (
      .allow(
        responseHeaders: {
          var mutation = HeaderMutation()
          mutation.set("a", .string("1"), .addIfAbsent)
          mutation.append("a", "2")
          return mutation
        }()), "no terms"
    ),
    (
      .allow(
        {
          var mutation = HeaderMutation()
          mutation.set("a", .bytes([0xff]), .overwrite)
          return mutation
        }()), "no UTF-8"
    ),
    (.error(status: 100), "status 100"),
    (.error(headers: ["a": "\0"]), "the value of header 'a'"),
  ]

  @Test("a reply that Envoy would refuse fails the call", arguments: 0..<illegal.count)
  func refused(index: Int) async throws {
    let (reply, reason) = Self.illegal[index]
    let error = await #expect(throws: CalloutError.self) {
      try await AuthorizationHarness(Asked(reply)).reply(to: .check())
    }
    #expect(error?.code == .illegalReply && error?.message.contains(reason) == true, "\(error?.message ?? "none")")
  }

  @Test(
    "a denial that Envoy would refuse denies all the same",
    arguments: [
      CheckReply.deny(status: 100), .deny(status: 600), .deny(headers: ["bad name": "1"]), .deny(headers: ["a": "\n"]),
      .deny(ImmediateResponse(status: 403, body: ByteBuffer(bytes: [0xff]))),
    ])
  func illegalDenial(reply: CheckReply) async throws {
    let log = LogRecorder()
    let message = try await AuthorizationHarness(Asked(reply), logger: log.logger).reply(to: .check())
    #expect(message == .with { $0.status.code = 7 })
    #expect(log.entries(atLeast: .error).count == 1)
  }
}
