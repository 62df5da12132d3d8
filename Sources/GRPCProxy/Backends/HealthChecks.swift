// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import NIOCore

/// Asks the members of a pool again and again whether they are well.
enum HealthChecks {
  /// Runs until it is cancelled or the pool is gone.
  static func run(_ reference: WeakPool) async {
    await withDiscardingTaskGroup { tasks in
      var watched: Set<ObjectIdentifier> = []
      while !Task.isCancelled, let configuration = reference.pool?.configuration.healthCheck {
        let members = reference.pool?.currentMembers ?? []
        for member in members where !watched.contains(ObjectIdentifier(member)) {
          tasks.addTask { await watch(member, of: reference, configuration) }
        }
        watched = Set(members.map { ObjectIdentifier($0) })
        try? await Task.sleep(for: configuration.interval)
      }
      tasks.cancelAll()
    }
  }

  /// Asks one member as long as the pool has it.
  private static func watch(
    _ member: BackendMember, of reference: WeakPool, _ configuration: BackendSet.HealthCheck
  ) async {
    guard let connector = try? member.connectorForChecks(every: configuration.interval),
      let channel = try? await GRPCChannel(connector, authority: member.authority)
    else { return }
    var good = 0
    var bad = 0
    // The pool is not held while nothing is asked, for it may be let go of.
    while reference.pool?.currentMembers.contains(where: { $0 === member }) == true {
      let problem = await check(channel, configuration)
      guard !Task.isCancelled else { break }
      (good, bad) = problem == nil ? (good + 1, 0) : (0, bad + 1)
      if let problem, bad >= configuration.unhealthyThreshold {
        reference.pool?.checked(member, isHealthy: false, problem)
      } else if good >= configuration.healthyThreshold {
        reference.pool?.checked(member, isHealthy: true, "")
      }
      try? await Task.sleep(for: configuration.interval)
    }
    await channel.close()
  }

  /// What is wrong, or nil.
  private static func check(_ channel: GRPCChannel, _ configuration: BackendSet.HealthCheck) async -> String? {
    do {
      let status = try await channel.checkHealth(of: configuration.service, timeout: configuration.timeout)
      return status == .serving ? nil : "it says that it does not serve"
    } catch let status as GRPCStatus where status.code == .unimplemented {
      // It has no health service: then that it answers is all there is to know.
      return nil
    } catch {
      return "\(error)"
    }
  }
}
