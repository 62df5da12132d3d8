// SPDX-License-Identifier: Apache-2.0
package import NIOCore
internal import NIOPosix

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// Finds the addresses of a target.
package struct NameResolver: Sendable {
  /// Blocks while it looks a name up; throws when there is none.
  package var lookUp: @Sendable (_ host: String, _ port: Int) throws -> [SocketAddress]

  package init(lookUp: @escaping @Sendable (_ host: String, _ port: Int) throws -> [SocketAddress]) {
    self.lookUp = lookUp
  }

  /// The system's: files, DNS and whatever else it knows.
  package static let system = NameResolver { host, port in try systemAddresses(of: host, port) }

  /// The target's addresses in the order of preference, at least one; a name is looked up on another thread.
  package func addresses(of target: GRPCTarget, on eventLoop: any EventLoop) -> EventLoopFuture<[SocketAddress]> {
    switch target.kind {
    case .unix(let path):
      return eventLoop.makeCompletedFuture { [try SocketAddress(unixDomainSocketPath: path)] }
    case .host(let host, let port):
      if let address = try? SocketAddress(ipAddress: host, port: port) {
        return eventLoop.makeSucceededFuture([address])
      }
      return NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) { [lookUp] in
        let addresses = try lookUp(host, port)
        guard !addresses.isEmpty else { throw Failure(description: "the name '\(host)' has no address") }
        return addresses
      }
    }
  }

  private struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private static func systemAddresses(of host: String, _ port: Int) throws -> [SocketAddress] {
    var hints = addrinfo()
    #if canImport(Glibc)
      hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    #else
      hints.ai_socktype = SOCK_STREAM
    #endif
    var list: UnsafeMutablePointer<addrinfo>?
    let result = getaddrinfo(host, "\(port)", &hints, &list)
    guard result == 0 else {
      throw Failure(description: "the name '\(host)' cannot be looked up: \(String(cString: gai_strerror(result)))")
    }
    defer { freeaddrinfo(list) }
    var addresses: [SocketAddress] = []
    var next = list
    while let info = next {
      next = info.pointee.ai_next
      guard let address = info.pointee.ai_addr else { continue }
      switch info.pointee.ai_family {
      case AF_INET:
        addresses.append(
          SocketAddress(address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee }, host: host))
      case AF_INET6:
        addresses.append(
          SocketAddress(address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { $0.pointee }, host: host))
      default: break
      }
    }
    return addresses
  }
}
