// SPDX-License-Identifier: Apache-2.0
internal import CEnvoyABI
internal import Logging
internal import Synchronization

/// A filter of the module with its configuration; makes the object of each stream.
protocol Filter: Sendable {
  /// The object of one stream. Called on the stream's worker.
  func makeStream(_ envoy: EnvoyStream) -> FilterStream
  /// Envoy drops the filter, whose streams are all gone. Called on Envoy's main thread.
  func retire()
}

extension Filter {
  func retire() {}
}

/// What Envoy keeps a filter by.
final class FilterBox: Sendable {
  let filter: any Filter

  init(_ filter: any Filter) { self.filter = filter }
}

/// The filters of the module by their names.
final class Registry: Sendable {
  static let shared = Registry()

  typealias Factory = @Sendable (FilterConfiguration) throws -> any Filter

  private let state = Mutex(State())

  private struct State {
    var factories: [String: Factory] = [:]
    var problems: [String] = []
    var isFilled = false
  }

  func add(_ name: String, _ factory: @escaping Factory) {
    state.withLock { state in
      if state.factories.updateValue(factory, forKey: name) != nil {
        state.problems.append("it registers two filters '\(name)'")
      }
    }
  }

  /// Has the user register filters, once; false where that is wrong, which is logged.
  func fill() -> Bool {
    let isFirst = state.withLock { state in
      defer { state.isFilled = true }
      return !state.isFilled
    }
    if isFirst {
      LoggingSystem.bootstrap(EnvoyLogHandler.init)
      if envoyModuleHasRegister() { envoyModuleRegister() }
    }
    let (isEmpty, problem) = state.withLock { ($0.factories.isEmpty, $0.problems.first) }
    let why = problem ?? (isEmpty ? "it registers no filter: define @c public func envoyModuleRegister()" : nil)
    if let why { EnvoyLog.error("the module cannot be used: \(why)") }
    return why == nil
  }

  func makeFilter(_ name: String, _ configuration: FilterConfiguration) throws -> any Filter {
    let (factory, names) = state.withLock { ($0.factories[name], $0.factories.keys.sorted()) }
    guard let factory else {
      throw ModuleError("the module has no such filter; filter_name is one of \(names.joined(separator: ", "))")
    }
    return try factory(configuration)
  }
}

/// Why something of the module cannot be used.
struct ModuleError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
