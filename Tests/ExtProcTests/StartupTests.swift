// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import ExtProcTesting
import Foundation
import Testing

@Suite("A program that cannot start says why in one line", .timeLimit(.minutes(1)))
struct StartupTests {
  private func withPEMs(_ body: (_ directory: String) async throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "pem-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    for name in ["a", "b"] {
      let identity = try TLSIdentity.selfSigned()
      try Data(identity.certificateChain).write(to: directory.appending(path: "\(name).crt"))
      try Data(identity.privateKey).write(to: directory.appending(path: "\(name).key"))
    }
    try await body(directory.path)
  }

  @Test("a port that is taken", arguments: ["--plaintext-address", "--health-check-address"])
  func portTaken(flag: String) async throws {
    try await withHTTPUpstream { other in
      let rest = flag == "--plaintext-address" ? "--health-check-address" : "--plaintext-address"
      try await expectRefusal(
        [flag, other.address.description, "the port is taken"], "--disable-tls", flag, other.address.description, rest,
        "127.0.0.1:0")
    }
  }

  @Test("a certificate or a key that is not there")
  func missingFile() async throws {
    try await withPEMs { directory in
      try await expectRefusal(
        ["--cert-chain-path", "/none/c.pem"], "--cert-chain-path", "/none/c.pem", "--private-key-path",
        "\(directory)/a.key")
      try await expectRefusal(
        ["--private-key-path", "/none/k.pem"], "--cert-chain-path", "\(directory)/a.crt", "--private-key-path",
        "/none/k.pem")
      try await expectRefusal(["--private-key-path", "both"], "--cert-chain-path", "\(directory)/a.crt")
      try await expectRefusal(["--cert-chain-path", "both"], "--private-key-path", "\(directory)/a.key")
    }
  }

  @Test("a key that does not belong to the certificate, or files that hold neither")
  func mismatch() async throws {
    try await withPEMs { directory in
      try await expectRefusal(
        ["--private-key-path", "does not belong"], "--cert-chain-path", "\(directory)/a.crt", "--private-key-path",
        "\(directory)/b.key")
      try await expectRefusal(
        ["--private-key-path", "no usable key"], "--cert-chain-path", "\(directory)/a.crt", "--private-key-path",
        "\(directory)/a.crt")
      try await expectRefusal(
        ["--cert-chain-path", "cannot be used"], "--cert-chain-path", "\(directory)/a.key", "--private-key-path",
        "\(directory)/a.key")
    }
  }

  @Test("no listener at all")
  func bothDisabled() async throws {
    try await expectRefusal(["--disable-tls", "--disable-plaintext"], "--disable-tls", "--disable-plaintext")
    try await expectRefusal(["--disable-tls", "--disable-plaintext"], "--disable_tls", "--disable_plaintext")
  }

  @Test("an option that is unknown, or lacks its value")
  func unknownFlag() async throws {
    try await expectRefusal(["--no-such-flag", "--help"], "--no-such-flag")
    try await expectRefusal(["--secure-address"], "--secure-address")
    try await expectRefusal(["surplus"], "surplus")
  }

  @Test(
    "a value that is none",
    arguments: [
      ("--secure-address", "nowhere"), ("--plaintext-address", "::1:80"), ("--health-check-address", "host:99999"),
      ("--threads", "0"), ("--threads", "x"), ("--drain-delay", "never"), ("--log-level", "loud"),
    ])
  func malformedValue(flag: String, value: String) async throws {
    try await expectRefusal([flag, value], flag, value)
  }

  @Test("an address that is not of this machine")
  func foreignAddress() async throws {
    try await expectRefusal(
      ["--plaintext-address", "192.0.2.1:80"], "--disable-tls", "--plaintext-address", "192.0.2.1:80")
  }

  @Test("but help is no failure")
  func help() async throws {
    let process = try ExampleProcess.start("AddHeader", ["--help"])
    #expect(await process.exitStatus == 0)
    #expect(process.output.contains("--secure-address"))
  }
}
