// SPDX-License-Identifier: Apache-2.0
package import CalloutGRPC
public import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix
import Synchronization

/// The backends of a set with the connections to them, from which one is chosen for each call.
///
/// It connects when calls need it. Names are looked up, and health checks made, from the time it is made until it is
/// retired or let go of. Safe to use from any thread.
public final class BackendPool: Sendable {
  public let configuration: BackendSet
  private let members: NIOLockedValueBox<[BackendMember]>
  private let turn = Atomic(0)
  let logger: Logger
  private let upkeep = NIOLockedValueBox<[Task<Void, Never>]>([])

  public convenience init(
    _ configuration: BackendSet, logger: Logger = Logger(label: "GRPCProxy")
  ) throws {
    try self.init(configuration, logger: logger, resolver: .system)
  }

  /// One backend, such as `127.0.0.1:50051`, by plaintext.
  ///
  /// Throws INVALID_ARGUMENT for a text that is no target.
  public convenience init(to target: String) throws {
    guard let parsed = GRPCTarget(target) else {
      throw GRPCStatus(.invalidArgument, "'\(target)' is no server: host:port, [IPv6]:port or unix:/path")
    }
    try self.init(BackendSet(target, [Backend(parsed)]))
  }

  /// Throws UNAVAILABLE when certificates or keys cannot be used.
  package init(_ configuration: BackendSet, logger: Logger, resolver: NameResolver) throws {
    self.configuration = configuration
    self.logger = logger
    members = NIOLockedValueBox(
      // A name stands for its addresses until they are known.
      try configuration.backends.enumerated().map { place, backend in
        try BackendMember(place, at: backend.target, in: configuration, resolver: resolver)
      })
    startUpkeep(resolver)
  }

  deinit { retire() }

  /// Ends the upkeep. Calls that it has go on; connections close once they have none.
  public func retire() {
    for task in upkeep.withLockedValue({ $0 }) { task.cancel() }
    for member in currentMembers { member.retire() }
  }

  var name: String { configuration.name }
  var currentMembers: [BackendMember] { members.withLockedValue { $0 } }

  // MARK: Balancing

  /// The backend that has its turn, or nil where none is left.
  ///
  /// A backend whose health checks fail is never chosen; one that is left out for its failing calls, or whose connection
  /// is not there yet, only when there is no other.
  func choose(except tried: [BackendMember], on eventLoop: any EventLoop) -> BackendMember? {
    let members = currentMembers
    if members.count == 1 { return members[0].isHealthy && tried.first !== members[0] ? members[0] : nil }
    let usable = members.filter { member in member.isHealthy && !tried.contains { $0 === member } }
    guard usable.count > 1 else { return usable.first }
    let good = usable.filter { $0.isInlier && !$0.connections(on: eventLoop).isUnready }
    let candidates = good.isEmpty ? usable : good
    let first = turn.add(1, ordering: .relaxed).oldValue & .max
    switch configuration.balancing {
    case .roundRobin: return candidates[first % candidates.count]
    case .leastRequest:
      let rotated = candidates.indices.map { candidates[(first + $0) % candidates.count] }
      return rotated.min { $0.activeCalls.load(ordering: .relaxed) < $1.activeCalls.load(ordering: .relaxed) }
    }
  }

  // MARK: Health

  /// Takes note of how a call of a member ended.
  func callEnded(_ member: BackendMember, failed: Bool) {
    guard let time = member.callEnded(failed: failed) else { return }
    logger.warning(
      "a backend is left out because its calls fail", metadata: metadata(of: member, ["for": "\(time)"]))
  }

  func checked(_ member: BackendMember, isHealthy: Bool, _ reason: String) {
    guard member.setHealthy(isHealthy) else { return }
    if isHealthy {
      logger.notice("a backend is healthy", metadata: metadata(of: member))
    } else {
      logger.warning("a backend is not healthy", metadata: metadata(of: member, ["reason": "\(reason)"]))
    }
  }

  private func metadata(of member: BackendMember, _ others: Logger.Metadata = [:]) -> Logger.Metadata {
    var metadata: Logger.Metadata = ["backend": "\(member.connector.target)", "set": "\(name)"]
    metadata.merge(others) { $1 }
    return metadata
  }

  // MARK: Upkeep

  private func startUpkeep(_ resolver: NameResolver) {
    var tasks: [Task<Void, Never>] = []
    if configuration.healthCheck != nil {
      tasks.append(Task { [pool = WeakPool(self)] in await HealthChecks.run(pool) })
    }
    if configuration.backends.contains(where: \.target.isName) {
      let interval = configuration.resolutionInterval
      tasks.append(
        Task { [weak self] in
          repeat { await self?.lookUpNames(resolver) } while (try? await Task.sleep(for: interval)) != nil
        })
    }
    upkeep.withLockedValue { $0 = tasks }
  }

  /// Puts members in place of those whose addresses have changed. A name that cannot be looked up keeps what it had.
  private func lookUpNames(_ resolver: NameResolver) async {
    var addresses: [[GRPCTarget]?] = []
    for backend in configuration.backends {
      addresses.append(backend.target.isName ? await currentAddresses(of: backend.target, resolver) : nil)
    }
    let retired = members.withLockedValue { members -> [BackendMember] in
      let before = members
      members = addresses.enumerated().flatMap { place, addresses in
        let own = before.filter { $0.place == place }
        guard let addresses else { return own }
        return addresses.compactMap { address in
          own.first { $0.connector.target == address }
            ?? (try? BackendMember(place, at: address, in: configuration, resolver: resolver))
        }
      }
      return before.filter { member in !members.contains { $0 === member } }
    }
    for member in retired { member.retire() }
  }

  private func currentAddresses(of target: GRPCTarget, _ resolver: NameResolver) async -> [GRPCTarget]? {
    do {
      let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
      let addresses = try await resolver.addresses(of: target, on: eventLoop).get()
      // In one order, whatever the order of the answer: a change of that is no change.
      return Set(addresses.map { GRPCTarget($0) }).sorted { "\($0)" < "\($1)" }
    } catch {
      logger.warning("a backend's name cannot be looked up", metadata: ["backend": "\(target)", "reason": "\(error)"])
      return nil
    }
  }
}

/// A pool that lives only as long as somebody else needs it.
struct WeakPool: Sendable {
  weak let pool: BackendPool?

  init(_ pool: BackendPool) { self.pool = pool }
}
