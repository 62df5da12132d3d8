// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import Foundation
import Logging
import NIOCore
import NIOPosix

/// Our server, with the methods that foreign clients call.
struct InteropServer: Sendable {
  let listener: Listener
  /// The file of the certificate where TLS is spoken.
  let certificate: String?

  static func run<Result>(_ wire: Wire, _ body: (InteropServer) async throws -> Result) async throws -> Result {
    try await withTemporaryDirectory { directory in
      let health = HealthService()
      health.set(.serving)
      let services = [GRPCService("interop.Test", methods: methods(health)), health.service]
      let server = GRPCServer(
        services: services + ReflectionService(reflecting: services).services, logger: Logger(label: "interop"))
      var tls: Listener.TLSSource?
      var certificate: String?
      if wire == .tls {
        let identity = try TLSIdentity.selfSigned()
        certificate = try identity.write(to: directory).certificate
        let context = try TLSContext(serverIdentity: identity, protocols: ["h2"])
        tls = { context }
      }
      let listener = try await Listener.bind(
        to: wire.address(in: directory), group: MultiThreadedEventLoopGroup.singleton, tls: tls
      ) { channel in
        try server.serve(channel)
      }
      do {
        let result = try await body(InteropServer(listener: listener, certificate: certificate))
        try await stop(server, listener)
        return result
      } catch {
        try await stop(server, listener)
        throw error
      }
    }
  }

  private static func stop(_ server: GRPCServer, _ listener: Listener) async throws {
    try await listener.close()
    server.closeConnections()
    await server.drain()
  }

  /// The address as gRPC's clients take it.
  var target: String {
    guard let address = listener.address else { return "" }
    return address.pathname.map { "unix:\($0)" } ?? "127.0.0.1:\(address.port ?? 0)"
  }

  /// The address as HTTP's clients take it.
  var url: String { "\(certificate == nil ? "http" : "https")://127.0.0.1:\(listener.address?.port ?? 0)" }

  private static func methods(_ health: HealthService) -> [GRPCMethod] {
    let sleepers = Sleepers()
    return [
      GRPCMethod("Echo") { (requests, responses, _) in
        for try await request in requests { try await responses.send(request) }
      },
      GRPCMethod("Large") { (requests, responses, _) in
        for try await _ in requests { try await responses.send(ByteBuffer(repeating: 0, count: 314_159)) }
      },
      GRPCMethod("Collect") { (requests, responses, _) in
        var total = 0
        for try await request in requests { total += request.readableBytes }
        try await responses.send(ByteBuffer(string: "\(total)"))
      },
      GRPCMethod("Count") { (requests, responses, _) in
        for try await request in requests {
          for number in 0..<(Int(String(buffer: request)) ?? 0) {
            try await responses.send(ByteBuffer(string: "\(number)"))
          }
        }
      },
      GRPCMethod("Fail") { (requests, _, _) in
        for try await request in requests {
          let text = String(buffer: request)
          let number = text.prefix { $0 != " " }
          throw GRPCStatus(.init(rawValue: Int(number) ?? 2), String(text.dropFirst(number.count + 1)))
        }
      },
      GRPCMethod("Trailers") { call in TrailersHandler(call) },
      GRPCMethod("Sleep") { (_, _, _) in try await sleepers.sleep() },
      GRPCMethod("WaitForSleeper") { (requests, responses, _) in
        for try await request in requests {
          await sleepers.wait(for: String(buffer: request))
          try await responses.send(request)
        }
      },
      GRPCMethod("SetHealth") { (requests, responses, _) in
        for try await request in requests {
          health.set(.serving, for: String(buffer: request))
          try await responses.send(request)
        }
      },
    ]
  }

  /// Sends the client's metadata back in the trailers.
  private final class TrailersHandler: ServerCallHandler {
    private let call: ServerCall

    init(_ call: ServerCall) { self.call = call }

    func receive(_ message: consuming ByteBuffer) {
      var trailers = Metadata()
      for entry in Metadata(call.headers) where entry.name.hasPrefix("x-") {
        try? trailers.append(entry.name, entry.value)
      }
      call.send { $0.writeImmutableBuffer(message) }
      call.finish(.ok, trailers: trailers)
    }

    func receiveEnd() {}
    func shutDown() {}
    func callEnded(_ ending: CallEnding) {}
  }
}

/// Calls that sleep until they are cancelled, and who waits for one to begin or to be cancelled.
private final class Sleepers: Sendable {
  private let started = AsyncStream.makeStream(of: Void.self)
  private let cancelled = AsyncStream.makeStream(of: Void.self)

  func sleep() async throws {
    started.continuation.yield()
    do {
      try await Task.sleep(for: .seconds(3_600))
    } catch {
      cancelled.continuation.yield()
      throw error
    }
  }

  func wait(for what: String) async {
    for await _ in what == "started" ? started.stream : cancelled.stream { return }
  }
}
