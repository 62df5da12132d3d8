// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import XDS

/// Reads in Envoy's own messages what of them concerns discovery, by the numbers of their fields.
enum EnvoyResource {
  /// A resource's name, which all messages have as their first field.
  static func name(_ body: [UInt8]) -> String { Fields(body).string(1) }

  /// The resources that one makes Envoy ask for; none where the type or the bytes are unknown.
  static func dependencies(of type: ResourceType, _ body: [UInt8]) -> [ResourceReference] {
    let fields = Fields(body)
    switch type {
    case .cluster: return endpoints(of: fields) + fields.messages(24).flatMap(secrets)
    case .listener:
      return (fields.messages(3) + fields.messages(25)).flatMap { chain in
        chain.messages(6).flatMap(secrets) + chain.messages(3).flatMap { connectionManager(of: $0) }
      }
    case .scopedRouteConfiguration: return references(.routeConfiguration, [fields.string(2)])
    default: return []
    }
  }

  /// `Cluster`: `type` EDS (3), and `eds_cluster_config.service_name` in place of `name`.
  private static func endpoints(of cluster: Fields) -> [ResourceReference] {
    guard cluster.number(2) == 3 else { return [] }
    let serviceName = cluster.message(3).string(2)
    return references(.clusterLoadAssignment, [serviceName.isEmpty ? cluster.string(1) : serviceName])
  }

  /// A transport socket's `typed_config`, whose first field is the `CommonTlsContext`: `SdsSecretConfig`s that name a
  /// source, for certificates (6), for trust (7), and for trust combined (8, 2).
  private static func secrets(of socket: Fields) -> [ResourceReference] {
    let context = socket.message(3).message(2).message(1)
    let configurations = context.messages(6) + context.messages(7) + context.messages(8).flatMap { $0.messages(2) }
    return references(.secret, configurations.filter { $0.has(2) }.map { $0.string(1) })
  }

  /// An `HttpConnectionManager`: the name of its routes (3), those of its scopes of routes (31, 4), or all scopes (31, 5),
  /// and its filters' configurations from elsewhere (5).
  private static func connectionManager(of filter: Fields) -> [ResourceReference] {
    let any = filter.message(4)
    guard any.string(1) == "type.googleapis.com/\(manager)" else { return [] }
    let manager = any.message(2)
    let scopes = manager.messages(31).flatMap { $0.messages(4) }.flatMap { $0.messages(1) }
    return references(.routeConfiguration, (manager.messages(3) + scopes).map { $0.string(2) })
      + (manager.messages(31).contains { $0.has(5) } ? references(.scopedRouteConfiguration, ["*"]) : [])
      + references(.extensionConfig, manager.messages(5).filter { $0.has(5) }.map { $0.string(1) })
  }

  private static let manager = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"

  private static func references(_ type: ResourceType, _ names: [String]) -> [ResourceReference] {
    names.filter { !$0.isEmpty }.map { ResourceReference(type, $0) }
  }
}

/// The fields of a serialized message; what is no message has none.
private struct Fields {
  private var values: [(number: Int, bytes: ArraySlice<UInt8>, varint: UInt64)] = []

  init(_ bytes: some Collection<UInt8>) {
    let bytes = ArraySlice(bytes)
    values = bytes.withUnsafeBytes { raw in
      var (reader, values) = (ProtobufReader(raw), self.values)
      do {
        while let tag = try reader.nextTag() {
          switch tag.wireType {
          case .lengthDelimited:
            let range = try reader.readRange()
            let slice = bytes[(bytes.startIndex + range.lowerBound)..<(bytes.startIndex + range.upperBound)]
            values.append((tag.field, slice, 0))
          case .varint: values.append((tag.field, [], try reader.readVarint()))
          default: try reader.skip(tag)
          }
        }
      } catch {
        return []
      }
      return values
    }
  }

  func has(_ number: Int) -> Bool { values.contains { $0.number == number } }
  func messages(_ number: Int) -> [Fields] { values.filter { $0.number == number }.map { Fields($0.bytes) } }
  func message(_ number: Int) -> Fields { Fields(values.last { $0.number == number }?.bytes ?? []) }
  func number(_ number: Int) -> UInt64 { values.last { $0.number == number }?.varint ?? 0 }
  func string(_ number: Int) -> String {
    String(decoding: values.last { $0.number == number }?.bytes ?? [], as: UTF8.self)
  }
}
