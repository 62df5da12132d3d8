// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import Callouts
internal import EnvoyAPI
package import Logging
package import NIOCore

/// What all calls of an authorization server share: it asks the hook, and applies the policies.
package final class CheckService: Sendable {
  private let server: AuthorizationServer
  private let configuration: AuthorizationServer.Configuration
  private let metrics = CheckMetrics()
  let logger: Logger

  package init(_ server: AuthorizationServer, logger: Logger) {
    self.server = server
    self.logger = logger
    configuration = server.configuration
  }

  /// The serialized answer to a request.
  ///
  /// Throws what the call is to fail with: what the hook threw, or why its reply cannot be sent.
  package func answer(to request: CheckRequest, _ context: CheckContext) async throws -> ByteBuffer {
    metrics?.asked()
    do {
      let reply = try await timed { try await ask(request, context) }
      try request.check()
      return try encode(reply, request, context)
    } catch let denial as Denial {
      return try encode(CheckReply(denial), request, context)
    } catch {
      return try fail(error, request, context)
    }
  }

  private func ask(_ request: CheckRequest, _ context: CheckContext) async throws -> CheckReply {
    switch configuration.hookExecutor {
    case .eventLoop: try await server.onCheck(request, context: context)
    case .concurrent:
      try await withTaskExecutorPreference(globalConcurrentExecutor) {
        try await server.onCheck(request, context: context)
      }
    }
  }

  private func timed(_ hook: () async throws -> CheckReply) async throws -> CheckReply {
    guard let metrics else { return try await hook() }
    let start = NIODeadline.now()
    defer { metrics.hookTook(.nanoseconds((NIODeadline.now() - start).nanoseconds)) }
    return try await hook()
  }

  private func encode(_ reply: CheckReply, _ request: CheckRequest, _ context: CheckContext) throws -> ByteBuffer {
    switch reply.form {
    case .deny(let response, let code):
      metrics?.denied()
      context.logger.debug("denied", metadata: ["status": "\(response.status)", "code": "\(code)"])
      return denial(reply, code, request, context)
    case .error: metrics?.answeredWithError()
    case .complete(let message) where message.status.code != 0:
      if case .errorResponse = message.httpResponse { metrics?.answeredWithError() } else { metrics?.denied() }
    case .allow, .change, .complete: break
    }
    return try reply.serialized(for: request)
  }

  /// A denial that cannot be sent as it is denies all the same: to fail the call may let the request pass.
  private func denial(
    _ reply: CheckReply, _ code: DenialCode, _ request: CheckRequest, _ context: CheckContext
  ) -> ByteBuffer {
    do throws(CalloutError) {
      return try reply.serialized(for: request)
    } catch {
      metrics?.failed()
      context.logger.error("denied with an empty 403 instead", metadata: ["error": "\(error)"])
      return CheckReply.bareDenial(code)
    }
  }

  private func fail(_ error: any Error, _ request: CheckRequest, _ context: CheckContext) throws -> ByteBuffer {
    metrics?.failed()
    context.logger.error("callout failed", metadata: ["error": "\(error)"])
    switch configuration.failurePolicy {
    case .failCall: throw error
    case .deny(let response): return denial(.deny(response), .permissionDenied, request, context)
    }
  }
}

extension CheckReply {
  /// The reply that a denial stands for.
  fileprivate init(_ denial: Denial) {
    switch denial.form {
    case .immediate(let response):
      let code = response.grpcStatus.flatMap { DenialCode(rawValue: Int32(truncatingIfNeeded: $0)) }
      self = .deny(response, code: code ?? .permissionDenied)
    case .grpcStatus(let message): self = .deny(ImmediateResponse(status: 403, body: "", details: message))
    }
  }
}
