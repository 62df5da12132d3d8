// SPDX-License-Identifier: Apache-2.0
import Logging
import NetworkExtProc

/// Refuses one command of Redis, FLUSHALL, on every connection that it is asked about.
///
/// The command's name is replaced by one that Redis does not know, so that Redis itself answers with an error. Its
/// replies then stay in the order of the commands, of which a client may send many before it reads the first reply. What a
/// script calls (EVAL, FCALL) is not looked at.
@main
final class NetworkFilter: NetworkCalloutServer, @unchecked Sendable {
  private enum Commands: CalloutContextKey { static let defaultValue = RedisCommands() }

  override func onReadData(_ data: NetworkData, context: NetworkContext) async throws -> NetworkReply {
    let passing = try context[Commands.self].read(data.bytes) { name in
      guard name.uppercased() == "FLUSHALL" else { return nil }
      context.logger.info("command refused", metadata: ["command": "\(name)"])
      return "REFUSED"
    }
    return .replace(passing)
  }
}
