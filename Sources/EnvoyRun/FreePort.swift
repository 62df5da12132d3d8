// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Tells before Envoy starts that a port is taken: Envoys share one without a word.
enum FreePort {
  /// Returns the port, or a free one for 0.
  ///
  /// - Parameter option: what the port was given by, for the error.
  @discardableResult
  static func check(_ host: String, _ port: UInt16, option: String) throws -> UInt16 {
    var hints = addrinfo()
    hints.ai_flags = AI_NUMERICHOST
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, "\(port)", &hints, &found) == 0, let address = found?.pointee else {
      throw RunError("--host \(host) is no IP address: give one of this machine, such as 127.0.0.1")
    }
    defer { freeaddrinfo(found) }
    let listener = socket(address.ai_family, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    // What is left of connections that have ended takes no port.
    var isOn: Int32 = 1
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &isOn, socklen_t(MemoryLayout<Int32>.size))
    guard bind(listener, address.ai_addr, address.ai_addrlen) == 0 else {
      let reason = String(cString: strerror(errno))
      throw RunError("\(option) \(port) on \(host) cannot be listened on: \(reason); choose another, or 0")
    }
    var (bound, length) = (sockaddr_storage(), socklen_t(MemoryLayout<sockaddr_storage>.size))
    return withUnsafeMutablePointer(to: &bound) { bound in
      bound.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(listener, $0, &length) }
      // The port is at the same place in addresses of both families.
      return bound.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { UInt16(bigEndian: $0.pointee.sin_port) }
    }
  }
}
