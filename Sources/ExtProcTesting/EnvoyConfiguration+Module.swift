// SPDX-License-Identifier: Apache-2.0
internal import Foundation

extension EnvoyConfiguration {
  /// One filter of a dynamic module, which Envoy loads.
  ///
  /// Source: `envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter`.
  public struct Module: Sendable {
    /// The library, by the name of its product, which is built beside the tests.
    public var name: String
    /// Which of its filters.
    public var filter: String
    /// What the filter's configuration is: a text, or a Struct, as JSON.
    public var configuration: Configuration
    /// The filter answers requests itself, so that nothing follows it.
    public var isTerminal = false
    /// Envoy keeps the library when nobody uses it any more.
    public var staysLoaded = true

    public init(_ name: String, _ filter: String, configurationJSON: String = "{}") {
      self.name = name
      self.filter = filter
      configuration = .json(configurationJSON)
    }

    public init(_ name: String, _ filter: String, configuration text: String) {
      self.name = name
      self.filter = filter
      configuration = .text(text)
    }

    /// What a filter is configured with.
    public enum Configuration: Sendable {
      case text(String)
      case json(String)
    }
  }
}

extension EnvoyConfiguration.Module.Configuration {
  fileprivate func any() throws -> [String: Any] {
    let prefix = "type.googleapis.com/google.protobuf."
    return switch self {
    case .text(let text): ["@type": prefix + "StringValue", "value": text]
    case .json(let json): ["@type": prefix + "Struct", "value": try EnvoyConfiguration.fields(json)]
    }
  }
}

extension EnvoyProcess {
  /// Where Envoy finds the modules that are built beside the tests.
  static var moduleEnvironment: [String: String] {
    let directory = Bundle.main.executableURL?.deletingLastPathComponent().path
    return directory.map { ["ENVOY_DYNAMIC_MODULES_SEARCH_PATH": $0] } ?? [:]
  }
}

extension EnvoyConfiguration.Module {
  func httpFilter() throws -> [String: Any] {
    EnvoyConfiguration.typed(
      filter, "http.dynamic_modules.v3.DynamicModuleFilter",
      try fields(naming: "filter_name").merging(["terminal_filter": isTerminal]) { $1 })
  }

  /// The filter in the place of another on a route, as JSON for the route's `typed_per_filter_config`.
  public func perRouteJSON() throws -> String {
    var fields = try fields(naming: "per_route_config_name")
    fields["@type"] =
      "type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilterPerRoute"
    return String(decoding: try JSONSerialization.data(withJSONObject: fields), as: UTF8.self)
  }

  private func fields(naming key: String) throws -> [String: Any] {
    [
      "dynamic_module_config": ["name": name, "do_not_close": staysLoaded] as [String: Any],
      key: filter,
      "filter_config": try configuration.any(),
    ]
  }
}
