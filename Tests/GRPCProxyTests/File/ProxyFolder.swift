// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import Foundation
import GRPCProxy
import Testing

/// A folder with a file, and with the certificates and keys that it may name.
struct ProxyFolder {
  private let url: URL
  /// In `ca.pem`.
  let authority: TLSIdentity
  /// In `proxy.pem` and `proxy.key`.
  let identity: TLSIdentity

  /// The folder is gone when the body is done.
  static func with(_ body: (ProxyFolder) throws -> Void) throws {
    let folder = try ProxyFolder(
      url: FileManager.default.temporaryDirectory.appending(path: UUID().uuidString), authority: .selfSigned(),
      identity: .selfSigned())
    try FileManager.default.createDirectory(at: folder.url, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder.url) }
    try folder.write(folder.authority.certificateChain, to: "ca.pem")
    try folder.write(folder.identity.certificateChain, to: "proxy.pem")
    try folder.write(folder.identity.privateKey, to: "proxy.key")
    try body(folder)
  }

  func path(_ name: String) -> String { url.appending(path: name).path }

  func write(_ bytes: some Sequence<UInt8>, to name: String) throws {
    try Data(bytes).write(to: url.appending(path: name), options: .atomic)
  }

  func remove(_ name: String) throws { try FileManager.default.removeItem(at: url.appending(path: name)) }

  func read(_ yaml: String) throws -> GRPCProxyConfiguration {
    try GRPCProxyConfiguration(yaml: yaml, file: path("proxy.yaml"))
  }
}

/// The example of `docs/grpc-proxy-yaml.md`.
func documentedExample() throws -> String {
  var root = URL(filePath: #filePath)
  for _ in 0..<4 { root.deleteLastPathComponent() }
  let text = try String(contentsOf: root.appending(path: "docs/grpc-proxy-yaml.md"), encoding: .utf8)
  let parts = text.split(separator: "```", omittingEmptySubsequences: false)
  return String(parts[1].dropFirst("yaml\n".count))
}

/// Expects a file to be refused with an error of one line, which begins so behind the file's name.
func expectError(
  _ start: String, in text: String, at path: String = "proxy.yaml", sourceLocation: SourceLocation = #_sourceLocation
) {
  let error = #expect(throws: ConfigurationFileError.self, sourceLocation: sourceLocation) {
    try GRPCProxyConfiguration(yaml: text, file: path)
  }
  let description = error?.description ?? ""
  #expect(description.hasPrefix("proxy.yaml:" + start), "\(description)", sourceLocation: sourceLocation)
  #expect(!description.contains("\n"), sourceLocation: sourceLocation)
}
