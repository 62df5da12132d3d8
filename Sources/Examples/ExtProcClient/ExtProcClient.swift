// SPDX-License-Identifier: Apache-2.0

// Sends messages to an ext_proc server on one stream, as a proxy would, and prints what it answers: protobuf's JSON in
// and out, an answer a line.
//
//     swift run ExtProcClient localhost:8080 -d '{"requestHeaders": {}}' -d '{"responseBody": {"body": "aGk="}}'
//     swift run ExtProcClient localhost:8443 --cert chain.pem messages.json

import ArgumentParser
import CalloutGRPC
import CalloutJSON
import EnvoyAPI
import ExtProc
import Foundation

@main
struct ExtProcClient: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Sends messages to an ext_proc server on one stream, and prints its answers.")

  @Argument(help: "The server: host:port, [IPv6]:port or unix:/path.")
  var server: ListenAddress

  @Argument(help: "A file with messages: a JSON array of them, or one a line; - for standard input.")
  var file: String?

  @Option(name: .shortAndLong, help: "A message as JSON, such as '{\"requestHeaders\": {}}'; may be repeated.")
  var data: [String] = []

  @Option(help: "Use TLS, and trust the certificates in this PEM file.")
  var cert: String?

  @Flag(help: "Use TLS, and trust any certificate.")
  var insecure = false

  func run() async throws {
    let messages = try data.map(JSONValue.init(parsing:)) + (try file.map(read) ?? [])
    guard !messages.isEmpty else { throw ValidationError("no messages: give --data, a file, or - for standard input") }
    let requests = try messages.map { try ProcessingRequestMessage(jsonString: $0.description) }
    let channel = try await GRPCChannel.connect(to: server.resolve(), configuration: channelConfiguration())
    let call = try await channel.call("/envoy.service.ext_proc.v3.ExternalProcessor/Process")
    async let sending: Void = send(requests, on: call)
    while let answer = try await call.next(ProcessingResponseMessage.self) { print(try answer.jsonString()) }
    try await sending
    await channel.close()
  }

  private func send(_ requests: [ProcessingRequestMessage], on call: GRPCCall) async throws {
    for request in requests { try await call.send(request) }
    call.halfClose()
  }

  private func channelConfiguration() throws -> GRPCChannel.Configuration {
    guard cert != nil || insecure else { return GRPCChannel.Configuration() }
    var tls = GRPCChannel.TLS(trustRoots: try cert.map { Array(try contents(of: $0)) })
    tls.serverName = server.host
    tls.verifiesServer = !insecure
    return GRPCChannel.Configuration(tls: tls)
  }

  private func read(_ file: String) throws -> [JSONValue] {
    let bytes = try file == "-" ? FileHandle.standardInput.readToEnd() ?? Data() : contents(of: file)
    if let whole = try? JSONValue(parsing: bytes) { return whole.array ?? [whole] }
    return try bytes.split(separator: UInt8(ascii: "\n")).map { try JSONValue(parsing: $0) }
  }

  private func contents(of file: String) throws -> Data {
    guard let contents = FileManager.default.contents(atPath: file) else {
      throw ValidationError("cannot read \(file)")
    }
    return contents
  }
}
