// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
public import Logging
internal import NIOConcurrencyHelpers

/// Directs calls by the routes of a configuration, which may change at any time.
///
/// A change leaves calls alone that are under way. Backend sets that stay as they were keep their connections. Safe to use
/// from any thread.
public final class GRPCRouter: StreamDirector {
  private let logger: Logger
  private let table: NIOLockedValueBox<RoutingTable>

  /// Throws what is wrong with the configuration: INVALID_ARGUMENT for a route to a set that there is not, UNAVAILABLE for
  /// certificates or keys that cannot be used.
  public init(_ configuration: GRPCProxyConfiguration, logger: Logger = Logger(label: "GRPCProxy")) throws {
    self.logger = logger
    table = NIOLockedValueBox(try RoutingTable(configuration, keeping: [:], logger: logger))
  }

  deinit { retire() }

  /// Puts another configuration in place of the one before; throws as the initializer, and then changes nothing.
  public func update(_ configuration: GRPCProxyConfiguration) throws {
    // One after the other: an update must not keep sets that another one has just retired.
    let retired = try table.withLockedValue { table -> [BackendPool] in
      let before = table
      table = try RoutingTable(configuration, keeping: before.pools, logger: logger)
      return before.pools.values.filter { pool in table.pools[pool.name] !== pool }
    }
    for pool in retired { pool.retire() }
  }

  /// Ends what goes on beside the calls. Those that are under way go on.
  public func retire() {
    for pool in table.withLockedValue({ $0.pools.values.map { $0 } }) { pool.retire() }
  }

  public func direct(_ call: IncomingCall) async throws -> CallDirection {
    try table.withLockedValue { $0 }.direct(call)
  }
}
