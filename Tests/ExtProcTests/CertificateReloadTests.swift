// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import ExtProcTesting
import Foundation
import Logging
import Testing

@Suite("Certificate files", .timeLimit(.minutes(1)))
struct CertificateReloadTests {
  private let directory = FileManager.default.temporaryDirectory.appending(path: "pem-\(UUID().uuidString)")

  private var configuration: ServerConfiguration {
    var configuration = ServerConfiguration.loopback
    configuration.certificateChainPath = directory.appending(path: "chain.pem").path
    configuration.privateKeyPath = directory.appending(path: "key.pem").path
    configuration.certificateReloadInterval = .milliseconds(20)
    return configuration
  }

  private func write(_ identity: TLSIdentity) throws {
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    try Data(identity.privateKey).write(to: directory.appending(path: "key.pem"), options: .atomic)
    try Data(identity.certificateChain).write(to: directory.appending(path: "chain.pem"), options: .atomic)
  }

  private func answers(_ server: RunningServer, trusting identity: TLSIdentity) async throws -> Bool {
    let address = server.addresses.secure!
    guard let client = try? await CalloutClient.connect(to: address, trusting: identity.certificateChain) else {
      return false
    }
    _ = try await client.stream().reply(to: .requestHeaders([:]))
    await client.close()
    return true
  }

  @Test("new connections get the certificate that the files hold now, and open ones stay")
  func reload() async throws {
    defer { try? FileManager.default.removeItem(at: directory) }
    let (old, new) = (try TLSIdentity.selfSigned(), try TLSIdentity.selfSigned())
    try write(old)
    let log = LogRecorder()
    try await withRunningServer(CalloutServer(), configuration: configuration, logger: log.logger) { server in
      #expect(server.addresses.certificateChain == old.certificateChain)
      let open = try await server.secureClient().stream()
      _ = try await open.reply(to: .requestHeaders([:]))
      #expect(try await !answers(server, trusting: new))
      try write(new)
      try await until { try await answers(server, trusting: new) }
      #expect(try await !answers(server, trusting: old))
      _ = try await open.reply(to: .responseHeaders([:]))
      #expect(log.entries.filter { $0.message == "certificate reloaded" }.count == 1)
    }
  }

  @Test("files that cannot be used leave the old certificate in place, and are logged")
  func unusable() async throws {
    defer { try? FileManager.default.removeItem(at: directory) }
    let old = try TLSIdentity.selfSigned()
    try write(old)
    let log = LogRecorder()
    try await withRunningServer(CalloutServer(), configuration: configuration, logger: log.logger) { server in
      try write(TLSIdentity(certificateChain: Array("nonsense".utf8), privateKey: old.privateKey))
      try await until {
        let isAnswered = try await answers(server, trusting: old)
        #expect(isAnswered)
        return !log.entries(atLeast: .error).isEmpty
      }
      #expect(try await answers(server, trusting: old))
    }
  }
}
