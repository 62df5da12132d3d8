// SPDX-License-Identifier: Apache-2.0
public import XDS

extension ProxyConfiguration {
  /// What an xDS server gives to the proxy: its parts apart, so that a change of one leaves the others alone.
  ///
  /// Listeners have their routes by RDS, their callouts' filters by ECDS and certificates by SDS, all of the ADS stream.
  ///
  /// Throws where no configuration can be made of the description, such as for a callout that is not described.
  public func resources() throws(ConfigurationProblem) -> [Resource] {
    let generated = try ProxyGenerator(self, .xds)
    var resources = generated.clusters.map { Resource($0) }
    resources += generated.endpoints.map { Resource($0) }
    resources += generated.secrets.map { Resource($0) }
    resources += generated.filters.map { Resource($0) }
    resources += generated.listeners.map { Resource($0) }
    resources += generated.routes.map { Resource($0) }
    return resources
  }
}
