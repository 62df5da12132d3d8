// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import GRPCProxy
import Logging
import NIOCore

/// A client with one connection to a proxy, whose backends are `NamedBackend`s.
struct ProxyClient: Sendable {
  let channel: GRPCChannel
  let summaries: Summaries

  /// Runs `body` with a client of a proxy in front of one pool.
  static func run(_ pool: BackendPool, body: (ProxyClient) async throws -> Void) async throws {
    try await run(directing: Director { _ in .to(pool) }, body: body)
    pool.retire()
  }

  static func run(directing director: any StreamDirector, body: (ProxyClient) async throws -> Void) async throws {
    let proxy = try await ProxyServer.start(director)
    let channel = try await proxy.connect()
    do {
      try await body(ProxyClient(channel: channel, summaries: proxy.summaries))
    } catch {
      await channel.close()
      await proxy.stop()
      throw error
    }
    await channel.close()
    await proxy.stop()
  }

  /// Makes a call; returns the name of the backend that had it, or throws the status.
  func who() async throws -> String {
    let call = try await hold()
    try await call.release()
    return call.backend
  }

  /// Makes so many calls, one after the other.
  func who(times: Int) async throws -> [String] {
    var names: [String] = []
    for _ in 0..<times { names.append(try await who()) }
    return names
  }

  /// How a call ends.
  func status() async -> GRPCStatus {
    do {
      _ = try await who()
      return .ok
    } catch {
      return error as? GRPCStatus ?? GRPCStatus(error)
    }
  }

  /// Begins a call, which goes on until it is released.
  func hold() async throws -> HeldCall {
    let call = try await channel.call(NamedBackend.path)
    try? await call.send(ByteBuffer(string: "who?"))
    guard let answer = try await call.next() else { throw GRPCStatus(.internal, "no answer") }
    return HeldCall(call: call, backend: String(buffer: answer))
  }
}

/// A call that a backend has.
struct HeldCall: Sendable {
  let call: GRPCCall
  let backend: String

  /// Sends one more message, and returns who answers it.
  func again() async throws -> String? {
    try await call.send(ByteBuffer(string: "still?"))
    return try await call.next().map { String(buffer: $0) }
  }

  /// Ends it; throws its status where that is not OK.
  func release() async throws {
    call.halfClose()
    while try await call.next() != nil {}
  }
}
