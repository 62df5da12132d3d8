// SPDX-License-Identifier: Apache-2.0
internal import ConfigurationFile
internal import EnvoyAPI
internal import EnvoyConfigAPI
internal import SwiftProtobuf
internal import XDS

extension ConfigurationCheck {
  /// The router is the last HTTP filter; what takes the bytes is the last network filter.
  func filterOrder(_ decoded: DecodedResources) -> [ConfigurationProblem] {
    var problems: [ConfigurationProblem] = []
    for (place, _, manager) in decoded.managers {
      let types = manager.httpFilters.map(\.typeURL)
      let router = Google_Protobuf_Any.url(of: RouterMessage.self)
      if types.last != router || types.count(where: { $0 == router }) != 1 {
        problems.append(
          .init(.error, .routerPlace, in: place, "its HTTP filters have to end in the router, once; put it there"))
      }
    }
    for listener in decoded.listeners {
      for chain in listener.allChains {
        let types = chain.filters.map(\.typeURL)
        let last = types.lastIndex(of: Google_Protobuf_Any.url(of: NetworkExtProcMessage.self))
        guard let end = types.firstIndex(where: Self.takesBytes), end < types.count - 1 || (last ?? -1) > end else {
          continue
        }
        problems.append(
          .init(
            .error, .networkFilterOrder, in: "Listener '\(listener.name)'",
            "filters behind '\(chain.filters[end].name)' see no bytes; put network ext_proc before it"))
      }
    }
    return problems
  }

  private static func takesBytes(_ typeURL: String?) -> Bool {
    [Google_Protobuf_Any.url(of: TCPProxyMessage.self), Google_Protobuf_Any.url(of: ConnectionManagerMessage.self)]
      .contains(typeURL)
  }

  /// What routes say of filters is said of filters that are there.
  func perFilterNames(_ decoded: DecodedResources) -> [ConfigurationProblem] {
    var problems: [ConfigurationProblem] = []
    for (place, _, manager) in decoded.managers {
      let names = Set(manager.httpFilters.map(\.name))
      let routes: RouteConfigurationMessage? =
        switch manager.routeSpecifier {
        case .rds(let rds): decoded.routes.first { $0.message.name == rds.routeConfigName }?.message
        case .routeConfig(let configuration): configuration
        case .scopedRoutes, nil: nil
        }
      for (name, _) in routes?.perFilter ?? [] where !names.contains(name) {
        problems.append(
          .init(
            .error, .unknownFilter, in: place,
            "its routes configure a filter '\(name)', which it does not have: \(oneOf(names, none: "it has none"))"))
      }
    }
    return problems
  }

  /// Filters from elsewhere say of which types they may be, and are of one of them.
  func filterSources(_ decoded: DecodedResources) -> [ConfigurationProblem] {
    var problems: [ConfigurationProblem] = []
    func check(_ name: String, _ source: Envoy_Config_Core_V3_ExtensionConfigSource, _ place: String) {
      let place = "\(place), filter '\(name)'"
      if source.typeUrls.isEmpty {
        problems.append(.init(.error, .filterTypes, in: place, "config_discovery has no type_urls; list its type"))
      } else if let given = decoded.extensions[name], !source.typeUrls.contains(given.typeURL) {
        problems.append(
          .init(.error, .filterTypes, in: place, "its configuration is a \(given.typeURL); add that to type_urls"))
      }
    }
    for listener in decoded.listeners {
      for filter in listener.allFilters {
        if case .configDiscovery(let source) = filter.configType {
          check(filter.name, source, "Listener '\(listener.name)'")
        }
      }
    }
    for (place, _, manager) in decoded.managers {
      for filter in manager.httpFilters {
        if case .configDiscovery(let source) = filter.configType { check(filter.name, source, place) }
      }
    }
    return problems
  }
}

extension HTTPFilterMessage {
  /// The type of its configuration, where it is known.
  fileprivate var typeURL: String? {
    switch configType {
    case .typedConfig(let configuration): configuration.typeURL
    case .configDiscovery(let source): source.typeUrls.first
    case nil: nil
    }
  }
}

extension NetworkFilterMessage {
  fileprivate var typeURL: String? {
    switch configType {
    case .typedConfig(let configuration): configuration.typeURL
    case .configDiscovery(let source): source.typeUrls.first
    case nil: nil
    }
  }
}
