// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import Foundation
import NIOCore

/// What the two processes tell each other, as JSON over gRPC.
enum Control {
  static let service = "xds.bench.Control"

  struct Change: Codable {
    /// Different each time, so that contents are.
    var number: Int
    /// How many clusters to change.
    var clusters: Int
  }

  struct Published: Codable {
    /// When the publishing call returned, on the clock that all processes of a machine share.
    var returned: UInt64
    /// How long it took.
    var took: Int64
  }

  struct Usage: Codable {
    var clusters: Int
    var encoded: Int
    var processorNanoseconds: Int64
    var residentBytes: Int
  }

  static func encode(_ value: some Encodable) throws -> ByteBuffer {
    ByteBuffer(bytes: try JSONEncoder().encode(value))
  }
}

/// The server, as the process of the clients sees it.
struct ControlClient {
  let channel: GRPCChannel

  func publish(_ change: Control.Change) async throws -> Control.Published {
    try await ask("Publish", Control.encode(change))
  }

  var usage: Control.Usage {
    get async throws { try await ask("Usage", ByteBuffer()) }
  }

  private func ask<Answer: Decodable>(_ method: String, _ message: ByteBuffer) async throws -> Answer {
    let call = try await channel.call("/\(Control.service)/\(method)")
    try await call.send(message)
    call.halfClose()
    guard let answer = try await call.next() else { throw GRPCStatus(.internal, "no answer to \(method)") }
    return try JSONDecoder().decode(Answer.self, from: Data(answer.readableBytesView))
  }
}
