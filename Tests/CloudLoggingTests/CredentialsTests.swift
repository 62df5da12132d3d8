// SPDX-License-Identifier: Apache-2.0
import AsyncHTTPClient
import ExtProcTesting
import GoogleCredentials
import NIOConcurrencyHelpers
import Testing

@Suite("Google credentials", .timeLimit(.minutes(1)))
struct CredentialsTests {
  /// Stands for the metadata server: numbers the tokens that it gives.
  private final class Metadata: Sendable {
    private let requests = NIOLockedValueBox<[HTTPRequest]>([])
    private let lifetime: Int

    init(lifetime: Int = 3_600) { self.lifetime = lifetime }

    var all: [HTTPRequest] { requests.withLockedValue { $0 } }

    func answer(_ request: HTTPRequest) -> HTTPResponse {
      let number = requests.withLockedValue { requests in
        requests.append(request)
        return requests.count
      }
      guard request.path.hasSuffix("/token") else { return HTTPResponse(body: "home") }
      return HTTPResponse(
        body: #"{"access_token":"token \#(number)","expires_in":\#(lifetime),"token_type":"Bearer"}"#)
    }
  }

  private func credentials(_ upstream: HTTPUpstream) -> GoogleCredentials {
    GoogleCredentials(environment: ["GCE_METADATA_HOST": "\(upstream.address)"])
  }

  @Test("are asked of the metadata server, and kept")
  func cache() async throws {
    let metadata = Metadata()
    try await withHTTPUpstream(metadata.answer) { upstream in
      let credentials = credentials(upstream)
      try await #expect(credentials.accessToken() == "token 1")
      try await #expect(credentials.accessToken() == "token 1")
    }
    #expect(metadata.all.map(\.path) == ["/computeMetadata/v1/instance/service-accounts/default/token"])
    #expect(metadata.all.map { $0.fields["metadata-flavor"] } == ["Google"])
  }

  @Test("are fetched once for all who ask")
  func oneFetch() async throws {
    let metadata = Metadata()
    try await withHTTPUpstream(metadata.answer) { upstream in
      let credentials = credentials(upstream)
      try await withThrowingTaskGroup(of: String.self) { tasks in
        for _ in 0..<100 { tasks.addTask { try await credentials.accessToken() } }
        for try await token in tasks { #expect(token == "token 1") }
      }
    }
    #expect(metadata.all.count == 1)
  }

  @Test("are fetched anew 225 seconds before they expire")
  func expiry() async throws {
    let metadata = Metadata(lifetime: 1_000)
    try await withHTTPUpstream(metadata.answer) { upstream in
      let time = NIOLockedValueBox(ContinuousClock.now)
      let credentials = GoogleCredentials(
        environment: ["GCE_METADATA_HOST": "\(upstream.address)"], client: .shared,
        now: { time.withLockedValue { $0 } })
      try await #expect(credentials.accessToken() == "token 1")
      time.withLockedValue { $0 += .seconds(774) }
      try await #expect(credentials.accessToken() == "token 1")
      time.withLockedValue { $0 += .seconds(1) }
      try await #expect(credentials.accessToken() == "token 2")
      try await #expect(credentials.accessToken() == "token 2")
    }
  }

  @Test("may be a token of the environment")
  func fixedToken() async throws {
    let environment = ["GOOGLE_ACCESS_TOKEN": "mine", "GCE_METADATA_HOST": "127.0.0.1:1"]
    try await #expect(GoogleCredentials(environment: environment).accessToken() == "mine")
  }

  @Test("come with the project's id")
  func project() async throws {
    let metadata = Metadata()
    try await withHTTPUpstream(metadata.answer) { try await #expect(credentials($0).projectID() == "home") }
    #expect(metadata.all.map(\.path) == ["/computeMetadata/v1/project/project-id"])
  }

  @Test("that are not to be had are explained in one line, and asked for again", arguments: [404, 200])
  func failure(status: Int) async throws {
    let requests = NIOLockedValueBox(0)
    try await withHTTPUpstream({ _ in
      requests.withLockedValue { $0 += 1 }
      return HTTPResponse(status: status, body: "no\ntoken")
    }) { upstream in
      let credentials = credentials(upstream)
      for _ in 0..<2 {
        let error = await #expect(throws: GoogleCredentialsError.self) { try await credentials.accessToken() }
        let line = try #require(error).description
        #expect(line.hasPrefix("no access token from http://\(upstream.address)/computeMetadata/v1/instance/"))
        #expect(line.contains(status == 404 ? "status 404" : "the answer is none"))
        #expect(line.hasSuffix("or set GOOGLE_ACCESS_TOKEN"))
        #expect(!line.contains("\n"))
      }
    }
    #expect(requests.withLockedValue { $0 } == 2)
  }

  @Test("are still fetched for others when one who waits is cancelled, and not for nobody")
  func cancellation() async throws {
    try await withSilentServer { server in
      let credentials = GoogleCredentials(environment: ["GCE_METADATA_HOST": server.address])
      let waiters = (0..<2).map { _ in Task { try await credentials.accessToken() } }
      await server.awaitRequest()
      while await credentials.waiting < 2 { await Task.yield() }
      waiters[0].cancel()
      await #expect(throws: CancellationError.self) { try await waiters[0].value }
      #expect(await credentials.waiting == 1)
      waiters[1].cancel()
      await #expect(throws: CancellationError.self) { try await waiters[1].value }
      // The next one begins a fetch of its own.
      let next = Task { try await credentials.accessToken() }
      await server.awaitRequest()
      next.cancel()
      await #expect(throws: CancellationError.self) { try await next.value }
    }
  }
}
