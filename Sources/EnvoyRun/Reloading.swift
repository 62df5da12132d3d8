// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Makes what is to run next of what has changed.
struct Reloading {
  let source: ModuleSource
  let make: EnvoySetup.Maker

  /// Waits for a change that can be built, and that Envoy takes; nil where the task is cancelled.
  func change(of library: ModuleLibrary) async -> EnvoySetup? {
    var (tried, last) = (library.state, library.state)
    while (try? await Task.sleep(for: Self.interval)) != nil {
      let now = FileStamps(of: library.sources)
      // What still changes is half written.
      defer { last = now }
      guard now == last, now != tried else { continue }
      tried = now
      do {
        return try await checkedSetup()
      } catch {
        FileHandle.standardError.write(Data("envoyrun: what runs stays: \(error)\n".utf8))
      }
    }
    return nil
  }

  private func checkedSetup() async throws -> EnvoySetup {
    let setup = try await make(try await source.library())
    do {
      try await setup.validate()
      return setup
    } catch {
      setup.remove()
      throw error
    }
  }

  /// How long files have to stand still.
  private static let interval = Duration.milliseconds(500)
}
