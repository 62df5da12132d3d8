// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import ExtProcTesting
import Foundation
import Testing

@Suite("CloudLog as a program", .timeLimit(.minutes(1)))
struct ProgramTests {
  private func start(_ arguments: String..., environment: [String: String] = [:]) throws -> ChildProcess {
    try ExampleProcess.start(
      "CloudLog", ExampleProcess.onLoopback + ["--drain-delay", "0"] + arguments, environment: environment)
  }

  /// Where the program serves, as an entry tells.
  private func address(_ entry: JSONValue?) throws -> ListenAddress {
    try #require((entry?["plaintext"]?.string).flatMap { ListenAddress($0) })
  }

  private func denyOne(at address: ListenAddress) async throws {
    let client = try await CalloutClient.connect(to: address)
    let reply = try await client.stream().reply(to: .requestHeaders([":method": "GET", ":path": "/"]))
    #expect(reply.immediateResponse.status.code == .forbidden)
    await client.close()
  }

  @Test("logs to standard output, to the last line")
  func standardOutput() async throws {
    let process = try start()
    defer { process.send(signal: SIGKILL) }
    let line = try await process.waitForOutput { $0.contains("\n") ? $0 : nil }
    try await denyOne(at: address(try JSONValue(parsing: line)))
    process.send(signal: SIGTERM)
    #expect(await process.exitStatus == 0)
    let entries = try process.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    let messages = entries.map { $0["message"]?.string }
    #expect(messages.prefix(2) == ["serving", "\"header-check\" not found within the request headers"])
    #expect(messages.last == "stopped")
    #expect(entries[1]["httpRequest"] == ["requestMethod": "GET", "requestUrl": "/", "status": 403])
  }

  @Test("logs to the API, to the last entry, with a token and a project of the metadata server's")
  func toAPI() async throws {
    let api = CloudAPI(200)
    try await withHTTPUpstream({ request in
      switch request.path {
      case "/computeMetadata/v1/project/project-id": HTTPResponse(body: "home")
      case "/v2/entries:write": api.answer(request)
      default: HTTPResponse(body: #"{"access_token":"t","expires_in":3600}"#)
      }
    }) { upstream in
      let process = try start(
        "--log-to-api", "--endpoint", "http://\(upstream.address)",
        environment: ["GCE_METADATA_HOST": "\(upstream.address)"])
      defer { process.send(signal: SIGKILL) }
      let first = await api.next()
      try await denyOne(at: address(first?.entries.first?["jsonPayload"]))
      process.send(signal: SIGTERM)
      #expect(await process.exitStatus == 0)
      #expect(process.output == "")
    }
    let messages = api.entries.map(\.message)
    #expect(messages.prefix(2) == ["serving", "\"header-check\" not found within the request headers"])
    #expect(messages.last == "stopped")
    #expect(api.all.allSatisfy { $0.request.fields["authorization"] == "Bearer t" })
    #expect(api.all.allSatisfy { $0.body["logName"] == "projects/home/logs/callouts" })
  }

  @Test("says in one line that it cannot log")
  func refusal() async throws {
    let process = try start("--log-to-api", "--project", "home", "--endpoint", "nowhere")
    #expect(await process.exitStatus == 2)
    #expect(process.output == "CloudLog: endpoint 'nowhere': give a URL such as https://logging.googleapis.com\n")
  }
}
