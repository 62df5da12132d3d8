// SPDX-License-Identifier: Apache-2.0
public import XDS

/// Looks for what Envoy would refuse in resources, or what would not do what it seems to: those that are generated here
/// and any others.
public struct ConfigurationCheck: Sendable {
  /// Clusters that the proxy's bootstrap has, so that resources may name them.
  public var staticClusters: Set<String> = []
  /// Requests at once that the proxy is expected to carry: what a callout's cluster allows should be more.
  public var expectedConcurrency = 10_000
  /// Bytes that a message to the proxy may have. Envoy takes more; what is between may not.
  public var messageLimit = 4 << 20

  public init() {}

  /// The problems, errors first.
  public func problems(in resources: [Resource]) -> [ConfigurationProblem] {
    let decoded = DecodedResources(resources)
    var problems = decoded.problems
    problems += duplicates(resources) + sizes(resources)
    problems += references(decoded, resources)
    problems += filterOrder(decoded) + perFilterNames(decoded) + filterSources(decoded)
    problems += domains(decoded) + addresses(decoded)
    problems += decoded.filters.flatMap { settings(of: $0.configuration, $0.place) }
    problems += bufferLimits(decoded)
    problems += calloutClusters(decoded)
    problems += certificates(decoded)
    var seen: Set<ConfigurationProblem> = []
    problems = problems.filter { seen.insert($0).inserted }
    return problems.filter { $0.severity == .error } + problems.filter { $0.severity == .warning }
  }
}

extension ProxyConfiguration {
  /// What is wrong with the description, errors first; nothing where it will work.
  ///
  /// - Parameter check: what is known of the proxy's surroundings.
  public func problems(_ check: ConfigurationCheck = ConfigurationCheck()) -> [ConfigurationProblem] {
    do {
      return check.problems(in: try resources()) + unusedHooks()
    } catch {
      return [error]
    }
  }
}
