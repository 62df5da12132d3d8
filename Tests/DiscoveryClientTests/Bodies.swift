// SPDX-License-Identifier: Apache-2.0

/// Serialized messages of Envoy's configuration, as far as the tests need their fields.
enum Body {
  /// A cluster; EDS is its type, and `content` what makes one version of it differ from another.
  static func cluster(_ name: String, service: String = "", content: UInt8 = 1, secret: String = "") -> [UInt8] {
    let context = field(1, field(6, string(1, secret) + field(2, [])))
    let socket = secret.isEmpty ? [] : field(24, field(3, field(2, context)))
    return string(1, name) + [2 << 3, 3] + field(3, string(2, service)) + field(4, [1 << 3, content]) + socket
  }

  /// A cluster that needs nothing.
  static func staticCluster(_ name: String) -> [UInt8] { string(1, name) }

  /// A resource whose name is all that there is, such as an assignment of endpoints.
  static func named(_ name: String, content: String = "") -> [UInt8] { string(1, name) + string(14, content) }

  static func listener(_ name: String, route: String, content: String = "") -> [UInt8] {
    listener(name, manager: string(2, content) + field(3, string(2, route)))
  }

  static func listener(_ name: String, manager: [UInt8], chain: Int = 3) -> [UInt8] {
    let type =
      "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    return string(1, name) + field(chain, field(3, field(4, string(1, type) + field(2, manager))))
  }

  static func string(_ number: Int, _ text: String) -> [UInt8] { text.isEmpty ? [] : field(number, Array(text.utf8)) }

  static func field(_ number: Int, _ content: [UInt8]) -> [UInt8] {
    varint(number << 3 | 2) + varint(content.count) + content
  }

  private static func varint(_ value: Int) -> [UInt8] {
    value < 0x80 ? [UInt8(value)] : [UInt8(value & 0x7f) | 0x80] + varint(value >> 7)
  }
}
