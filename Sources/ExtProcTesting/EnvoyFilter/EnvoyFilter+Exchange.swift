// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
internal import CalloutServing
public import Callouts

extension EnvoyFilter {
  /// The server behind Envoy: makes the response to what arrives.
  public typealias Upstream = @Sendable (HTTPRequest) async throws -> HTTPResponse

  /// Takes an exchange through a callout that runs in this process.
  ///
  /// - Parameters:
  ///   - request: what the client sends.
  ///   - chunkSize: bytes of a body that come to the filter at once, in both directions.
  ///   - upstream: answers what arrives; the default one with what it received, as text.
  ///
  /// Throws an `ExchangeFailure` where Envoy would fail the request, an `InvalidEnvoyFilter` where it cannot be used so, and
  /// what `upstream` throws.
  public func exchange(
    _ request: HTTPRequest, with callout: CalloutServer, chunkSize: Int = 16_384,
    upstream: @escaping Upstream = { HTTPUpstream.echo($0) }
  ) async throws -> EnvoyExchange {
    var configuration = ServerConfiguration.loopback
    configuration.disableTLS = true
    configuration.combinedHealthCheck = true
    return try await withRunningServer(callout, configuration: configuration) { server in
      let client = try await server.client()
      let result = await Result { try await exchange(request, with: client, chunkSize: chunkSize, upstream: upstream) }
      await client.close()
      return try result.get()
    }
  }

  /// Takes an exchange through the callout server that a client is connected to, whatever it is made with.
  public func exchange(
    _ request: HTTPRequest, with client: CalloutClient, chunkSize: Int = 16_384,
    upstream: @escaping Upstream = { HTTPUpstream.echo($0) }
  ) async throws -> EnvoyExchange {
    try await exchange(request, chunkSize: chunkSize, upstream: upstream) { metadata in
      try await client.stream(metadata: metadata)
    }
  }

  /// Takes an exchange through a callout to which `open` opens the stream, when there is a message for it.
  ///
  /// `open` is given the filter's `initialMetadata`, and throws a `GRPCStatus` when the callout cannot be reached.
  public func exchange(
    _ request: HTTPRequest, chunkSize: Int = 16_384, upstream: @escaping Upstream = { HTTPUpstream.echo($0) },
    over open: @escaping @Sendable (Metadata) async throws -> any ProcessingStream
  ) async throws -> EnvoyExchange {
    if let mistake { throw InvalidEnvoyFilter(description: "the filter cannot be used: \(mistake)") }
    precondition(chunkSize > 0, "a chunk has at least one byte")
    let run = ExchangeRun(filter: self, chunkSize: chunkSize, upstream: upstream, open: open)
    return try await run.exchange(request)
  }
}

extension Result where Failure == any Error {
  fileprivate init(_ body: () async throws -> Success) async {
    do {
      self = .success(try await body())
    } catch {
      self = .failure(error)
    }
  }
}
