// SPDX-License-Identifier: Apache-2.0

/// What becomes of something that was published.
public struct PublishReport: Sendable {
  let feed: ConfigurationFeed
  let generation: Int

  /// Waits until every client that is connected has answered all that it was sent, or until the time is over.
  ///
  /// What was published later counts too: a client that has that has this. Returns one outcome for each stream, but
  /// for those that connected meanwhile and have not answered yet.
  public func converged(timeout: Duration = .seconds(30)) async -> [ClientOutcome] {
    let awaited = Set(feed.progress().map(\.id))
    await withTaskGroup(of: Void.self) { tasks in
      tasks.addTask { await feed.waitUntilSettled(at: generation) }
      tasks.addTask { try? await Task.sleep(for: timeout) }
      await tasks.next()
      tasks.cancelAll()
    }
    return outcomes { id, outcome in awaited.contains(id) || outcome.result != .pending }
  }

  /// How things stand now.
  public var outcomes: [ClientOutcome] { outcomes { _, _ in true } }

  private func outcomes(_ isWanted: (Int, ClientOutcome) -> Bool) -> [ClientOutcome] {
    feed.progress().sorted { $0.id < $1.id }.compactMap { id, progress in
      let outcome = ClientOutcome(node: progress.node, result: result(of: progress))
      return isWanted(id, outcome) ? outcome : nil
    }
  }

  private func result(of progress: ConfigurationFeed.Progress) -> ClientOutcome.Result {
    guard progress.generation >= generation else { return .pending }
    return progress.refusals.isEmpty ? .acknowledged : .refused(progress.refusals)
  }
}

/// What became of a configuration in one client.
public struct ClientOutcome: Sendable, Hashable, CustomStringConvertible {
  /// The node's id.
  public let node: String
  public let result: Result

  public enum Result: Sendable, Hashable {
    /// It accepted everything.
    case acknowledged
    /// It stays with an older version of these.
    case refused([RefusedResource])
    /// It has not answered everything.
    case pending
  }

  public var description: String {
    switch result {
    case .acknowledged: "\(node) has it"
    case .refused(let resources): "\(node) refused " + resources.map(\.description).joined(separator: "; ")
    case .pending: "\(node) has not answered"
    }
  }
}

/// A resource that a client refused, and why.
public struct RefusedResource: Sendable, Hashable, CustomStringConvertible {
  public let reference: ResourceReference
  public let version: String
  /// The client's words.
  public let detail: String

  public var description: String { "\(reference): \(detail)" }
}
