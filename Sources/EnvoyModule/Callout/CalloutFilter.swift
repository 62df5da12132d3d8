// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import Logging
internal import Synchronization

/// A callout as a filter: what all its streams share.
final class CalloutFilter: Filter {
  let callout: CalloutServer
  let configuration: CalloutServer.Configuration
  let phases: Set<Phase>
  let requestAttributes: [Attribute]
  let responseAttributes: [Attribute]
  let logger: Logger
  private let streams = Atomic(0)
  private let warned = Mutex<Set<String>>([])

  /// Throws a `ModuleError` where Envoy's filters cannot do what the callout's configuration wants.
  init(_ callout: CalloutServer, name: String) throws {
    self.callout = callout
    let configuration = callout.configuration
    self.configuration = configuration
    phases = callout.handledPhases(configuration)
    requestAttributes = try configuration.requestAttributes.map(Attribute.init)
    responseAttributes = try configuration.responseAttributes.map(Attribute.init)
    logger = Logger(label: name)
  }

  /// Hooks run on Envoy's worker.
  var runsOnWorker: Bool { configuration.hookExecutor == .eventLoop }

  func makeStream(_ envoy: EnvoyStream) -> FilterStream {
    CalloutExchange(envoy, self, id: streams.wrappingAdd(1, ordering: .relaxed).newValue)
  }

  /// The direction is handled by a stream's hook.
  func handlesStream(_ direction: Direction) -> Bool {
    configuration.body(of: direction).delivery == .stream && phases.contains { $0.direction == direction }
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
