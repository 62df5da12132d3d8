// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import ExtAuthz
import ExtProcTesting
import SwiftProtobuf
import Testing

@Suite("Replies to authorization requests")
struct CheckReplyTests {
  private let request = CheckRequestMessage.check("GET", "/p?a=1&to%6ben=2&b=3", headers: ["x-have": "o"])

  private func answer(_ reply: CheckReply) async throws -> CheckResponseMessage {
    try await AuthorizationHarness(Asked(reply)).reply(to: request)
  }

  /// Name, value, `append`, `append_action`.
  private func told(_ options: [Envoy_Config_Core_V3_HeaderValueOption]) -> [String] {
    options.map { option in
      let append = option.hasAppend ? "\(option.append.value)" : "-"
      return "\(option.header.key)=\(option.header.value) \(append) \(option.appendAction.rawValue)"
    }
  }

  @Test("allow")
  func allow() async throws {
    let expected = CheckResponseMessage.with { ($0.status, $0.okResponse) = (.init(), .init()) }
    #expect(try await answer(.allow) == expected)
    #expect(try await answer(.allow()) == expected)
    #expect(try await AuthorizationHarness(AuthorizationServer()).reply(to: request) == expected)
  }

  @Test("headers of the request are sent in the form that Envoy reads, by what the request has")
  func requestHeaders() async throws {
    var mutation = HeaderMutation(
      set: ["X-Set": "1", "x-have": "2"], append: ["x-have": "3", "x-new": "4", "x-new": "5"])
    mutation.set("x-absent", .string("6"), .addIfAbsent)
    mutation.set("x-absent", .string("7"), .addIfAbsent)
    mutation.set("x-missing", .string("8"), .overwriteIfExists)
    mutation.remove("x-gone")
    let response = try await answer(.allow(mutation)).okResponse
    #expect(
      told(response.headers) == [
        "x-set=1 false 2", "x-have=2 false 2", "x-have=3 true 0", "x-new=4 false 2", "x-new=5 true 0",
        "x-absent=6 false 2",
      ])
    #expect(response.headersToRemove == ["x-gone"])
    #expect(told(try await answer(.allow(append: ["X-HAVE": "1"])).okResponse.headers) == ["x-have=1 true 0"])
  }

  @Test("a header that is removed and set is set, for a mutation removes first and Envoy last")
  func removedAndSet() async throws {
    let response = try await answer(.allow(set: ["a": "1"], append: ["x-have": "2"], remove: ["a", "X-Have"]))
      .okResponse
    #expect(told(response.headers) == ["a=1 false 2", "x-have=2 false 2"] && response.headersToRemove.isEmpty)
  }

  @Test("headers of the response are sent in the form that Envoy reads")
  func responseHeaders() async throws {
    var mutation = HeaderMutation(set: ["a": "1"], append: ["a": "2", "b": "3", "b": "4"])
    mutation.set("c", .string("5"), .addIfAbsent)
    mutation.set("d", .string("6"), .overwriteIfExists)
    mutation.set("e", .string("7"), .addIfAbsent)
    mutation.set("e", .string("8"), .overwrite)
    let response = try await answer(.allow(responseHeaders: mutation)).okResponse
    #expect(
      told(response.responseHeadersToAdd) == ["a=1, 2 - 2", "b=3 - 0", "b=4 - 0", "c=5 - 1", "d=6 - 3", "e=8 - 2"])
  }

  @Test("query parameters are encoded, and found however they are written")
  func query() async throws {
    let query = QueryMutation(set: ["n m": "x&y/é", "a": "9"], remove: ["token", "a", "none"])
    let response = try await answer(.allow(query: query)).okResponse
    #expect(response.queryParametersToSet.map { "\($0.key)=\($0.value)" } == ["n%20m=x%26y%2F%C3%A9", "a=9"])
    #expect(response.queryParametersToRemove == ["to%6ben"])
  }

  @Test("dynamic metadata goes with any reply", arguments: [CheckReply.allow, .deny(), .error()])
  func metadata(reply: CheckReply) async throws {
    let message = try await answer(reply.settingMetadata(["k": "v"]).settingMetadata(["n": 1]))
    #expect(message.dynamicMetadata.fields == ["k": "v", "n": 1])
  }

  @Test("deny")
  func deny() async throws {
    let bare = try await answer(.deny())
    #expect(bare.status.code == 7 && bare.deniedResponse.status.code == .forbidden && bare.deniedResponse.body == "")
    let message = try await answer(
      .deny(status: 401, headers: ["a": "1", "a": "2"], body: "no é", code: .unauthenticated))
    #expect(message.status.code == 16 && message.deniedResponse.status.code == .unauthorized)
    #expect(message.deniedResponse.body == "no é" && told(message.deniedResponse.headers) == ["a=2 - 0"])
    let response = try await answer(.deny(.unauthorized(challenge: "Bearer", "who?")))
    #expect(response.deniedResponse.headers.map(\.header.value) == ["text/plain; charset=utf-8", "Bearer"])
    #expect(response.status.message == "unauthorized_by_callout")
  }

  @Test("cookies of a denial are all there")
  func cookies() async throws {
    let response = ImmediateResponse(
      status: 403, headers: HeaderMutation(append: ["set-cookie": "a", "set-cookie": "b"]))
    #expect(told(try await answer(.deny(response)).deniedResponse.headers) == ["set-cookie=a - 0", "set-cookie=b - 0"])
  }

  @Test("no code of a denial is OK")
  func codes() {
    #expect(DenialCode.allCases.map(\.rawValue) == Array(1...16) && DenialCode(rawValue: 0) == nil)
  }

  @Test("error")
  func error() async throws {
    let message = try await answer(.error(status: 503, headers: ["a": "1"], body: "later"))
    #expect(message.status.code == 14 && message.errorResponse.status.code == .serviceUnavailable)
    #expect(message.errorResponse.body == "later" && told(message.errorResponse.headers) == ["a=1 - 0"])
    #expect(!(try await answer(.error())).errorResponse.hasStatus)
  }

  @Test("complete messages pass as they are")
  func complete() async throws {
    let message = CheckResponseMessage.with {
      $0.status.code = 7
      $0.deniedResponse.headers = [.with { ($0.header.key, $0.header.value) = ("a", "1") }]
    }
    #expect(try await answer(.complete(message)) == message)
    let allowed = CheckResponseMessage.with { $0.status = .init() }
    #expect(try await answer(.complete(allowed)) == allowed)
  }
}
