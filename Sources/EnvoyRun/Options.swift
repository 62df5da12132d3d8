// SPDX-License-Identifier: Apache-2.0
import ArgumentParser

/// An application for the paths below a prefix, such as `/api=hello`.
struct Mount: ExpressibleByArgument {
  /// Without a slash at its end, which says nothing.
  let prefix: String
  let application: String

  init?(argument: String) {
    guard let equals = argument.firstIndex(of: "="), argument.hasPrefix("/") else { return nil }
    let path = argument[..<equals]
    prefix = path.lastIndex { $0 != "/" }.map { String(path[...$0]) } ?? "/"
    application = String(argument[equals...].dropFirst())
    guard !application.isEmpty else { return nil }
  }
}

/// `host:port`, or `[IPv6]:port`.
struct HostPort: ExpressibleByArgument {
  let host: String
  let port: Int

  init?(argument: String) {
    guard let colon = argument.lastIndex(of: ":"), let port = UInt16(argument[colon...].dropFirst()), port > 0 else {
      return nil
    }
    var host = argument[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    guard !host.isEmpty else { return nil }
    self.host = String(host)
    self.port = Int(port)
  }
}

/// Ways to compress answers; the first is taken where a client likes several alike.
struct CompressionList: ExpressibleByArgument {
  let names: [String]

  init?(argument: String) {
    names = argument.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard names.allSatisfy(["gzip", "br", "zstd"].contains), Set(names).count == names.count else { return nil }
  }
}

enum BuildConfiguration: String, ExpressibleByArgument, CaseIterable {
  case release, debug
}
