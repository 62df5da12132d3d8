// SPDX-License-Identifier: Apache-2.0
public import HTTPTypes
internal import SwiftProtobuf

/// Several applications as one, each for the paths below its prefix.
///
///     EnvoyModule.register("site") { _ in Mounts(["/api": API(), "/": Pages()]) }
///
/// The longest prefix counts: `/api` is for `/api`, `/api/x` and `/api?y`, and not for `/apix`. Applications see the path
/// as it is. Paths that no prefix is for are answered with 404.
public struct Mounts: HTTPApplication {
  private let mounts: [(prefix: [UInt8], application: any HTTPApplication)]

  public init(_ applications: KeyValuePairs<String, any HTTPApplication>) {
    self.init(applications.map { ($0.key, $0.value) })
  }

  private init(_ applications: [(String, any HTTPApplication)]) {
    mounts =
      applications.map { prefix, application in
        (Array(prefix.hasSuffix("/") ? prefix.dropLast().utf8 : prefix[...].utf8), application)
      }
      .sorted { $0.prefix.count > $1.prefix.count }
  }

  /// The widest of the applications' limits.
  public var limits: RequestLimits {
    let all = mounts.map(\.application.limits)
    return RequestLimits(
      body: all.contains { $0.body == nil } ? nil : all.compactMap(\.body).max(),
      time: all.contains { $0.time == nil } ? nil : all.compactMap(\.time).max())
  }

  public func start() async throws {
    for mount in mounts { try await mount.application.start() }
  }

  public func handle(_ request: HTTPRequest, body: RequestBody, response: consuming ResponseWriter) async throws {
    let path = Array((request.path ?? "/").utf8)
    guard let mount = mounts.first(where: { Self.isPath(path, below: $0.prefix) }) else {
      throw HTTPFailure(.notFound)
    }
    try await mount.application.handle(request, body: body, response: response)
  }

  public func stop() async {
    for mount in mounts { await mount.application.stop() }
  }

  private static func isPath(_ path: [UInt8], below prefix: [UInt8]) -> Bool {
    guard path.starts(with: prefix) else { return false }
    return path.count == prefix.count || path[prefix.count] == UInt8(ascii: "/")
      || path[prefix.count] == UInt8(ascii: "?")
  }
}

extension Mounts {
  /// The name of the filter that every module has: applications of the module on the prefixes that its configuration says.
  static let filter = "mounts"

  /// - Parameters:
  ///   - configuration: JSON, `{"/prefix": "application"}`.
  ///   - make: makes an application by its name.
  init(_ configuration: FilterConfiguration, _ make: (String) throws -> any HTTPApplication) throws {
    let mounts = (try? Google_Protobuf_Struct(jsonString: configuration.text))?.fields ?? [:]
    guard !mounts.isEmpty else { throw ModuleError(#"filter_config is not of the form {"/prefix": "application"}"#) }
    self.init(
      try mounts.map { prefix, value in
        guard prefix.hasPrefix("/"), case .stringValue(let name) = value.kind else {
          throw ModuleError("filter_config has '\(prefix)', where a prefix begins with / and has an application's name")
        }
        return (prefix, try make(name))
      })
  }
}
