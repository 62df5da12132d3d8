// SPDX-License-Identifier: Apache-2.0
import Logging
import NetworkExtProc

/// Lets every byte of a connection pass, and logs how many there are.
///
/// The bytes themselves are logged at the level trace alone.
@main
final class NetworkBasic: NetworkCalloutServer, @unchecked Sendable {
  private enum Total: CalloutContextKey { static let defaultValue = (read: 0, write: 0) }

  override func onReadData(_ data: NetworkData, context: NetworkContext) async throws -> NetworkReply {
    context[Total.self].read += data.bytes.readableBytes
    log("from the client", data, context)
    return .continue
  }

  override func onWriteData(_ data: NetworkData, context: NetworkContext) async throws -> NetworkReply {
    context[Total.self].write += data.bytes.readableBytes
    log("from the upstream", data, context)
    return .continue
  }

  override func onConnectionEnd(_ ending: StreamEnding, context: NetworkContext) {
    let total = context[Total.self]
    context.logger.info("connection ended", metadata: ["read": "\(total.read)", "write": "\(total.write)"])
  }

  private func log(_ text: Logger.Message, _ data: NetworkData, _ context: NetworkContext) {
    let logger = context.logger
    logger.debug(text, metadata: ["bytes": "\(data.bytes.readableBytes)", "end": "\(data.endOfStream)"])
    logger.trace(text, metadata: ["data": "\(data.string.debugDescription)"])
  }
}
