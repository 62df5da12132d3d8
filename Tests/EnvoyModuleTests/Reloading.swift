// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation

/// Runs an Envoy whose listener comes from a file, and gives `body` what replaces the listener's module filters; it returns
/// once Envoy has dropped what it had before.
func withReloadingEnvoy(
  _ configuration: EnvoyConfiguration,
  _ body: (EnvoyProcess, _ reload: ([EnvoyConfiguration.Module]) async throws -> Void) async throws -> Void
) async throws {
  let directory = FileManager.default.temporaryDirectory.appending(path: "listeners-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: directory) }
  let file = directory.appending(path: "listeners.json")
  var bootstrap = try write(configuration, to: file)
  bootstrap["dynamic_resources"] = ["lds_config": ["path_config_source": ["path": file.path]]]
  bootstrap["node"] = ["id": "test", "cluster": "test"]
  let arguments = ["--drain-time-s", "1", "--drain-strategy", "immediate"]
  try await withEnvoy(
    bootstrap: Array(JSONSerialization.data(withJSONObject: bootstrap)), arguments: arguments
  ) { envoy in
    try await body(envoy) { modules in
      let updates = try await envoy.statistic("listener_manager.lds.update_success")
      var next = configuration
      next.modules = modules
      _ = try write(next, to: file)
      try await until { try await envoy.statistic("listener_manager.lds.update_success") > updates }
      try await until {
        let chains = try await envoy.statistic("listener_manager.total_filter_chains_draining")
        return try await chains + envoy.statistic("listener_manager.total_listeners_draining") == 0
      }
    }
  }
}

/// Writes a configuration's listener, and returns the rest.
private func write(_ configuration: EnvoyConfiguration, to file: URL) throws -> [String: Any] {
  var bootstrap = try JSONSerialization.jsonObject(with: configuration.bootstrap()) as? [String: Any] ?? [:]
  var resources = bootstrap["static_resources"] as? [String: Any] ?? [:]
  let listeners = resources.removeValue(forKey: "listeners") as? [[String: Any]] ?? []
  bootstrap["static_resources"] = resources
  let type = "type.googleapis.com/envoy.config.listener.v3.Listener"
  let response: [String: Any] = [
    "version_info": UUID().uuidString, "resources": listeners.map { $0.merging(["@type": type]) { $1 } },
  ]
  // Envoy looks when a file is moved to its place.
  let other = file.appendingPathExtension("new")
  try JSONSerialization.data(withJSONObject: response).write(to: other)
  guard rename(other.path, file.path) == 0 else { throw CocoaError(.fileWriteUnknown) }
  return bootstrap
}
