// SPDX-License-Identifier: Apache-2.0
internal import CEnvoyABI
internal import Callouts
internal import Logging
internal import Synchronization

/// A filter of the module with its configuration; makes the object of each stream.
protocol Filter: Sendable {
  /// The object of one stream. Called on the stream's worker.
  func makeStream(_ envoy: EnvoyStream) -> FilterStream
  /// Envoy drops the filter, whose streams are all gone. Called on Envoy's main thread, and of a route's filter on
  /// whatever thread is the last to use the route.
  func retire()
}

extension Filter {
  func retire() {}
}

/// What Envoy keeps a filter by.
final class FilterBox: Sendable {
  let filter: any Filter

  init(_ filter: any Filter) { self.filter = filter }

  /// The addresses of those of routes: Envoy gives a stream also what another module made, where the route names one.
  static let ofRoutes = Mutex<Set<UInt>>([])
}

extension EnvoyStream {
  /// What is in the filter's place on the stream's route, where the route has something.
  ///
  /// Throws where that is no such filter.
  func filterOfRoute<Kind: Filter>(_ kind: Kind.Type, _ name: String) throws(ModuleError) -> Kind? {
    guard let pointer = routeConfiguration else { return nil }
    let address = UInt(bitPattern: pointer)
    guard FilterBox.ofRoutes.withLock({ $0.contains(address) }),
      let filter = Unmanaged<FilterBox>.fromOpaque(pointer).takeUnretainedValue().filter as? Kind
    else {
      throw ModuleError("the route has something else in the place of \(name): give it \(name) of this module")
    }
    return filter
  }
}

/// The filters of the module by their names.
final class Registry: Sendable {
  static let shared = Registry()

  /// How a filter is made of its configuration.
  enum Maker: Sendable {
    case callout(@Sendable (FilterConfiguration) throws -> CalloutServer)
    case application(@Sendable (FilterConfiguration) throws -> any HTTPApplication)
  }

  private let state = Mutex(State())

  private struct State {
    var makers: [String: Maker] = [:]
    var problems: [String] = []
    var isFilled = false
  }

  func add(_ name: String, _ maker: Maker) {
    state.withLock { state in
      if state.makers.updateValue(maker, forKey: name) != nil {
        state.problems.append("it registers two filters '\(name)'")
      }
      if name == Mounts.filter { state.problems.append("it registers '\(name)', which is a filter of every module") }
    }
  }

  /// Has the user register filters, once.
  private func fill() {
    let isFirst = state.withLock { state in
      defer { state.isFilled = true }
      return !state.isFilled
    }
    if isFirst, envoyModuleHasRegister() { envoyModuleRegister() }
  }

  /// Begins the module in Envoy; false where what it registers is wrong, which is logged.
  func start() -> Bool {
    LoggingSystem.bootstrap(EnvoyLogHandler.init)
    fill()
    let (isEmpty, problem) = state.withLock { ($0.makers.isEmpty, $0.problems.first) }
    let why = problem ?? (isEmpty ? "it registers no filter: define @c public func envoyModuleRegister()" : nil)
    if let why { EnvoyLog.error("the module cannot be used: \(why)") }
    return why == nil
  }

  /// A line for each filter, `callout NAME` or `application NAME`, for who loads the module without an Envoy.
  func describe() -> String {
    fill()
    return state.withLock(\.makers).sorted { $0.key < $1.key }.map { name, maker in
      switch maker {
      case .callout: "callout \(name)\n"
      case .application: "application \(name)\n"
      }
    }.joined()
  }

  func makeFilter(_ name: String, _ configuration: FilterConfiguration) throws -> any Filter {
    guard name != Mounts.filter else {
      return ApplicationFilter(try Mounts(configuration, makeApplication), name: name)
    }
    let (maker, names) = state.withLock { ($0.makers[name], $0.makers.keys.sorted()) }
    switch maker {
    case .callout(let make): return try CalloutFilter(make(configuration), name: name)
    case .application(let make): return ApplicationFilter(try make(configuration), name: name)
    case nil:
      throw ModuleError("the module has no such filter; filter_name is one of \(names.joined(separator: ", "))")
    }
  }

  /// An application without a configuration of its own.
  private func makeApplication(_ name: String) throws -> any HTTPApplication {
    guard case .application(let make) = state.withLock({ $0.makers[name] }) else {
      throw ModuleError("filter_config names '\(name)', which is no application of the module")
    }
    return try make(FilterConfiguration(text: ""))
  }
}

/// Why something of the module cannot be used.
struct ModuleError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
