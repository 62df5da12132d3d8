// SPDX-License-Identifier: Apache-2.0

// filter_config says which tokens pass, as the server's options do; what it does not say so is refused:
//
//   filter_config:
//     "@type": type.googleapis.com/google.protobuf.Struct
//     value: { public_key: /etc/keys/issuer.pem, audience: api, issuer: https://issuer.example, leeway: 5 }
//
// Keys are in one of public_key, secret and jwks, which name a file; it is read again when it changes.

import CalloutJWT
import EnvoyModule
import JWTAuth
import Logging

@c public func envoyModuleRegister() {
  EnvoyModule.register("jwt-auth") { configuration in
    let options = try Options(configuration.text)
    let keys = try JWTKeyFile(options.keyFile, format: options.format)
    let logger = Logger(label: "jwt-auth")
    keys.logProblems(to: logger)
    // A configuration that Envoy drops leaves its watch behind, which is a look at a file now and then.
    Task { await keys.watch(logger: logger) }
    return JWTAuth(
      JWTVerifier(audience: options.audience, issuer: options.issuer, leeway: options.leeway), keys: keys)
  }
}
