// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import CalloutJWT
import ExtProc
import JWTAuth
import Logging

@main
struct Program: CalloutProgram {
  @OptionGroup var server: ServerOptions

  @Option(help: "File with the public key in PEM that tokens are signed with: RS256, or ES256.")
  var publicKey: String?

  @Option(help: "File with the secret that tokens are signed with: HS256.")
  var secret: String?

  @Option(
    help: "File with a JSON Web Key Set, whose keys are chosen by kid. All three are read again when they change.")
  var jwks: String?

  @Option(help: "The audience (aud) that tokens must name. (default: they must name none)")
  var audience: String?

  @Option(help: "The issuer (iss) that tokens must have. (default: any)")
  var issuer: String?

  @Option(help: "Seconds by which clocks may differ.")
  var leeway = 0

  @Flag(name: .customLong("deny-with-grpc-status"), help: "Deny with PERMISSION_DENIED, which Envoy makes a 500 of.")
  var deniesWithStatus = false

  func validate() throws {
    guard [publicKey, secret, jwks].compactMap(\.self).count <= 1 else {
      throw ValidationError("give one of --public-key, --secret and --jwks")
    }
  }

  func run(_ configuration: ServerConfiguration, logger: Logger) async throws {
    let keys = try keyFile()
    if keys == nil { logger.warning("no key: every token is refused; give --public-key, --secret or --jwks") }
    keys?.logProblems(to: logger)
    let verifier = JWTVerifier(audience: audience, issuer: issuer, leeway: leeway)
    let callout = JWTAuth(verifier, keys: keys, deniesWithStatus: deniesWithStatus)
    async let _ = keys?.watch(logger: logger)
    try await callout.run(configuration, logger: logger)
  }

  private func keyFile() throws -> JWTKeyFile? {
    if let publicKey { return try JWTKeyFile(publicKey, format: .publicKey) }
    if let secret { return try JWTKeyFile(secret, format: .secret) }
    return try jwks.map { try JWTKeyFile($0, format: .jwks) }
  }
}
