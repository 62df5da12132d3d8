// SPDX-License-Identifier: Apache-2.0
import AsyncHTTPClient
import CalloutJSON
import Foundation
import NIOCore

/// An Envoy that runs.
final class EnvoyChild: Sendable {
  private let process: SpawnedProcess
  private let adminFile: URL

  /// - Parameter adminFile: where it writes the address of its admin interface.
  init(_ process: SpawnedProcess, adminFile: URL) {
    self.process = process
    self.adminFile = adminFile
  }

  /// The exit code; waits for it.
  var status: Int32 { get async { await process.status } }

  /// Ends it, and waits until it has ended.
  func end() async {
    process.send(SIGTERM)
    await withTaskGroup(of: Void.self) { tasks in
      tasks.addTask {
        guard (try? await Task.sleep(for: Self.timeToEnd)) != nil else { return }
        self.process.send(SIGKILL)
      }
      _ = await process.status
      tasks.cancelAll()
    }
  }

  /// Says where it listens, once it does.
  func announce() async {
    // Another process tells no one when it is ready.
    while (try? await Task.sleep(for: .milliseconds(50))) != nil {
      guard let admin = try? String(contentsOf: adminFile, encoding: .utf8),
        let listeners = try? await listeners(admin)
      else { continue }
      for listener in listeners { print("listening: \(listener)") }
      // Whoever reads a pipe wants it now.
      fflush(nil)
      return
    }
  }

  /// The addresses with their names, or nil while it is starting.
  private func listeners(_ admin: String) async throws -> [String]? {
    guard try await get("http://\(admin)/ready").hasPrefix("LIVE") else { return nil }
    let json = try JSONValue(parsing: await get("http://\(admin)/listeners?format=json"))
    return json["listener_statuses"]?.array?.compactMap { status in
      guard let name = status["name"]?.string, let address = status["local_address"]?["socket_address"],
        let host = address["address"]?.string, let port = address["port_value"]?.int
      else { return nil }
      let scheme = name == "http3" ? "https" : name
      return "\(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(port)\(name == "http3" ? " (HTTP/3)" : "")"
    }
  }

  private func get(_ url: String) async throws -> String {
    let response = try await HTTPClient.shared.execute(HTTPClientRequest(url: url), timeout: .seconds(5))
    return String(buffer: try await response.body.collect(upTo: 1 << 20))
  }

  /// Time to finish what it has begun.
  private static let timeToEnd = Duration.seconds(10)
}
