// SPDX-License-Identifier: Apache-2.0
public import HTTPTypes
internal import SwiftProtobuf

/// Several applications as one, each for the paths below its prefix.
///
///     EnvoyModule.register("site") { _ in Mounts(["/api": API(), "/": Pages()]) }
///
/// The longest prefix counts: `/api` is for `/api`, `/api/x` and `/api?y`, and not for `/apix`. Applications see the path
/// as it is, and the limits of a request are those of its application. Paths that no prefix is for are answered with 404.
public struct Mounts: HTTPApplication {
  /// The longest prefix first.
  private let mounts: [(prefix: MountPrefix, application: any HTTPApplication)]

  /// - Precondition: each prefix begins with a slash, and none comes twice, with a slash at its end or without.
  public init(_ applications: KeyValuePairs<String, any HTTPApplication>) {
    do {
      try self.init(checking: applications.map { ($0.key, $0.value) })
    } catch {
      preconditionFailure("\(error)")
    }
  }

  init(checking applications: [(prefix: String, application: any HTTPApplication)]) throws(ModuleError) {
    var mounts: [(prefix: MountPrefix, application: any HTTPApplication)] = []
    for (text, application) in applications {
      guard let prefix = MountPrefix(text) else { throw ModuleError("the prefix '\(text)' does not begin with /") }
      guard !mounts.contains(where: { $0.prefix == prefix }) else {
        throw ModuleError("the prefix '\(text)' comes twice, with a slash at its end or without")
      }
      mounts.append((prefix, application))
    }
    self.mounts = mounts.sorted { $0.prefix.length > $1.prefix.length }
  }

  /// The widest of the applications' limits, which count until it is known whose request it is.
  public var limits: RequestLimits {
    let all = mounts.map(\.application.limits)
    return RequestLimits(
      body: all.contains { $0.body == nil } ? nil : all.compactMap(\.body).max(),
      time: all.contains { $0.time == nil } ? nil : all.compactMap(\.time).max())
  }

  /// Starts one after the other; where one throws, those before it are stopped.
  public func start() async throws {
    for (index, mount) in mounts.enumerated() {
      do {
        try await mount.application.start()
      } catch {
        for started in mounts[..<index].reversed() { await started.application.stop() }
        throw error
      }
    }
  }

  public func handle(_ request: HTTPRequest, body: RequestBody, response: consuming ResponseWriter) async throws {
    guard let application = application(for: request.path ?? "/") else { throw HTTPFailure(.notFound) }
    try body.stream.narrow(to: application.limits, request)
    try await application.handle(request, body: body, response: response)
  }

  func application(for path: String) -> (any HTTPApplication)? {
    mounts.first { $0.prefix.covers(path) }?.application
  }

  public func stop() async {
    for mount in mounts.reversed() { await mount.application.stop() }
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
    try self.init(
      checking: try mounts.sorted { $0.key < $1.key }.map { prefix, value in
        guard prefix.hasPrefix("/"), case .stringValue(let name) = value.kind else {
          throw ModuleError("filter_config has '\(prefix)', where a prefix begins with / and has an application's name")
        }
        return (prefix, try make(name))
      })
  }
}
