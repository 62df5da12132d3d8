// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import Logging
internal import Synchronization

/// A callout as a filter: what all its streams share.
final class CalloutFilter: Filter {
  let callout: CalloutServer
  let configuration: CalloutServer.Configuration
  /// A bit for each phase that a hook handles.
  private let phases: Int
  /// The directions that a stream's hook handles.
  private let streams: (request: Bool, response: Bool)
  let overridesProcess: Bool
  let requestAttributes: [Attribute]
  let responseAttributes: [Attribute]
  let logger: Logger
  private let count = Atomic(0)
  private let warned = Mutex<Set<String>>([])

  /// Throws a `ModuleError` where Envoy's filters cannot do what the callout's configuration wants.
  init(_ callout: CalloutServer, name: String) throws {
    self.callout = callout
    let configuration = callout.configuration
    self.configuration = configuration
    let phases = callout.handledPhases(configuration)
    self.phases = phases.reduce(0) { $0 | 1 << $1.rawValue }
    func isStream(_ direction: Direction) -> Bool {
      configuration.body(of: direction).delivery == .stream && phases.contains { $0.direction == direction }
    }
    streams = (isStream(.request), isStream(.response))
    overridesProcess = callout.overridesProcess
    requestAttributes = try configuration.requestAttributes.map(Attribute.init)
    responseAttributes = try configuration.responseAttributes.map(Attribute.init)
    logger = Logger(label: name)
  }

  /// Hooks run on Envoy's worker.
  var runsOnWorker: Bool { configuration.hookExecutor == .eventLoop }

  func makeStream(_ envoy: EnvoyStream) -> FilterStream {
    CalloutExchange(envoy, self, id: count.wrappingAdd(1, ordering: .relaxed).newValue)
  }

  func handles(_ phase: Phase) -> Bool { phases & 1 << phase.rawValue != 0 }

  /// The direction is handled by a stream's hook.
  func handlesStream(_ direction: Direction) -> Bool {
    direction == .request ? streams.request : streams.response
  }

  /// Logs what is ignored of a reply, once for each such thing.
  func warn(_ warnings: [String]) {
    for warning in warnings where warned.withLock({ $0.count < Self.maxWarnings && $0.insert(warning).inserted }) {
      logger.warning("part of a reply is ignored; this is said once", metadata: ["reason": "\(warning)"])
    }
  }

  /// A callout that makes header names out of requests must not fill the memory.
  private static let maxWarnings = 100
}
