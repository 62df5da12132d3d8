// SPDX-License-Identifier: Apache-2.0

// filter_config says which tokens pass, as the server's options do; by default none do:
//
//   filter_config:
//     "@type": type.googleapis.com/google.protobuf.Struct
//     value: { public_key: /etc/keys/issuer.pem, audience: api, issuer: https://issuer.example }
//
// Keys are in one of public_key, secret and jwks, which name a file; it is read again when it changes.

import CalloutJSON
import CalloutJWT
import EnvoyModule
import JWTAuth
import Logging

@c public func envoyModuleRegister() {
  EnvoyModule.register("jwt-auth") { configuration in
    let options = configuration.text.isEmpty ? [:] : try JSONValue(parsing: configuration.text)
    let keys = try keyFile(options)
    if let keys {
      let logger = Logger(label: "jwt-auth")
      keys.logProblems(to: logger)
      // A configuration that Envoy drops leaves its watch behind, which is a look at a file now and then.
      Task { await keys.watch(logger: logger) }
    }
    let verifier = JWTVerifier(
      audience: options["audience"]?.string, issuer: options["issuer"]?.string, leeway: options["leeway"]?.int ?? 0)
    return JWTAuth(verifier, keys: keys)
  }
}

private func keyFile(_ options: JSONValue) throws -> JWTKeyFile? {
  if let path = options["public_key"]?.string { return try JWTKeyFile(path, format: .publicKey) }
  if let path = options["secret"]?.string { return try JWTKeyFile(path, format: .secret) }
  return try options["jwks"]?.string.map { try JWTKeyFile($0, format: .jwks) }
}
