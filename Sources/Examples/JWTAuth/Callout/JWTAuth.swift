// SPDX-License-Identifier: Apache-2.0

// Lets only requests with a valid JSON Web Token pass, and tells the upstream its claims in headers decoded-<claim>.
//
// Server/ serves it over ext_proc, and Module/ is it as a filter within Envoy.
//
// Envoy processing mode: request_header_mode: SEND, response_header_mode: SKIP.

import CalloutJSON
public import CalloutJWT
public import Callouts
import Logging

public final class JWTAuth: CalloutServer, @unchecked Sendable {
  private let verifier: JWTVerifier
  private let keys: JWTKeyFile?
  private let deniesWithStatus: Bool

  /// - Parameters:
  ///   - keys: nil refuses every token.
  ///   - deniesWithStatus: denies with a gRPC status, which Envoy makes a 500 of.
  public init(_ verifier: JWTVerifier, keys: JWTKeyFile?, deniesWithStatus: Bool = false) {
    self.verifier = verifier
    self.keys = keys
    self.deniesWithStatus = deniesWithStatus
  }

  public required convenience init() { self.init(JWTVerifier(), keys: nil) }

  override public func onRequestHeaders(
    _ headers: HTTPHeaders, context: CalloutContext
  ) async throws -> HeadersReply {
    guard let token = bearerToken(of: headers) else { throw denial("No Authorization token found.") }
    do {
      let claims = try verifier.verify(token, with: keys?.keys ?? [])
      return .mutate(try decodedHeaders(of: claims, replacing: headers), clearRouteCache: true)
    } catch {
      context.logger.debug("token refused", metadata: ["reason": "\(error)"])
      throw denial("Authorization token is invalid.", challenge: #"Bearer error="invalid_token""#)
    }
  }

  /// Source: RFC 6750 §2.1.
  private func bearerToken(of headers: HTTPHeaders) -> String? {
    let values = headers.values(of: "authorization")
    let parts = values.count == 1 ? values[0].split(separator: " ") : []
    return parts.count == 2 && parts[0].lowercased() == "bearer" ? String(parts[1]) : nil
  }

  private func denial(_ text: String, challenge: String = "Bearer") -> Denial {
    deniesWithStatus ? .grpcStatus(text) : Denial(.unauthorized(challenge: challenge, text))
  }

  /// Claims that no header could have are left out, and so is what the client claims by itself.
  ///
  /// Throws where claims differ by case alone, which headers do not, or Envoy would refuse so many changes.
  private func decodedHeaders(of claims: JSONObject, replacing headers: HTTPHeaders) throws -> HeaderMutation {
    var mutation = HeaderMutation()
    let spoofed = Set(headers.map { $0.name.lowercased() }.filter { $0.hasPrefix("decoded-") })
    for name in spoofed.sorted() { mutation.remove(name) }
    var names: Set<String> = []
    for (name, value) in claims where HeaderMutation.isLegal("decoded-\(name)", value.pythonText) {
      guard names.insert(name.lowercased()).inserted else { throw JWTError.badClaim(name: name, reason: "comes twice") }
      mutation.set("decoded-\(name)", value.pythonText)
    }
    guard spoofed.count + names.count <= Self.maxChanges else { throw JWTError.malformed("it has too many claims") }
    return mutation
  }

  /// What Envoy takes of a reply by default.
  private static let maxChanges = 100
}
