// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import ExtProcTesting
import Foundation
import GRPCProxy

/// gRPC's Python library, which proxy_peer.py makes a client or a backend.
enum ProxyPeer {
  static let python = ProcessInfo.processInfo.environment["CALLOUTS_PYTHON"]
  static let hint = "needs gRPC's Python packages: set $CALLOUTS_PYTHON to a python that has them"

  private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("proxy_peer.py").path

  /// Runs the cases against a server; returns what was printed, a line each.
  static func runClient(of server: LocalServer) async throws -> [String] {
    guard let python else { throw ChildProcessError(hint) }
    return try await withTemporaryDirectory { directory in
      let certificate = try server.identity?.write(to: directory).certificate
      let process = try ChildProcess(python, [script, "client", "\(server.target)"] + (certificate.map { [$0] } ?? []))
      _ = await withTaskCancellationHandler {
        await process.exitStatus
      } onCancel: {
        process.send(signal: SIGKILL)
      }
      return process.output.split(separator: "\n").map(String.init)
    }
  }

  /// Runs `body` with a backend, whose process prints what becomes of its calls.
  static func withBackend<Result>(
    tls identity: TLSIdentity? = nil, _ body: (Backend, ChildProcess) async throws -> Result
  ) async throws -> Result {
    guard let python else { throw ChildProcessError(hint) }
    return try await withTemporaryDirectory { directory in
      let files = try identity?.write(to: directory)
      let process = try ChildProcess(
        python, [script, "backend", "127.0.0.1:0"] + (files.map { [$0.certificate, $0.key] } ?? []))
      do {
        let port = try await process.line("serving on ")
        guard let target = GRPCTarget("127.0.0.1:\(port)") else { throw ChildProcessError("no port: \(port)") }
        let result = try await body(Backend(target, tls: identity.map { .trusting($0) }), process)
        await process.end()
        return result
      } catch {
        await process.end()
        throw error
      }
    }
  }
}

extension ChildProcess {
  /// Waits for a line that begins so; returns its rest.
  @discardableResult
  func line(_ start: String) async throws -> String {
    try await waitForOutput { output in
      // A line that has no end yet may not be whole.
      output.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        .first { $0.hasPrefix(start) }.map { String($0.dropFirst(start.count)) }
    }
  }
}

extension GRPCChannel.TLS {
  /// For a server of ours that has the identity.
  static func trusting(_ identity: TLSIdentity) -> Self {
    .init(trustRoots: identity.certificateChain, serverName: "localhost")
  }
}

extension TLSIdentity {
  /// Writes certificate and key to files that other programs can be told of.
  fileprivate func write(to directory: URL) throws -> (certificate: String, key: String) {
    let certificate = directory.appendingPathComponent("certificate.pem")
    let key = directory.appendingPathComponent("key.pem")
    try Data(certificateChain).write(to: certificate)
    try Data(privateKey).write(to: key)
    return (certificate.path, key.path)
  }
}

/// Runs `body` with a directory of its own.
func withTemporaryDirectory<Result>(_ body: (URL) async throws -> Result) async throws -> Result {
  let directory = FileManager.default.temporaryDirectory.appendingPathComponent("proxy-\(UUID().uuidString)")
  try FileManager.default.createDirectory(
    at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  defer { try? FileManager.default.removeItem(at: directory) }
  return try await body(directory)
}
