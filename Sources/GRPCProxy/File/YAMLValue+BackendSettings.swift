// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import ConfigurationFile

extension YAMLValue {
  /// `true` for the defaults, `false` for none, or a mapping.
  func healthCheck() throws(ConfigurationFileError) -> BackendSet.HealthCheck? {
    if let isOn = try? bool() { return isOn ? .init() : nil }
    let map = try map(
      "a health check", keys: ["service", "interval", "timeout", "unhealthy_threshold", "healthy_threshold"])
    var check = BackendSet.HealthCheck()
    if let value = map["service"] { check.service = try value.text() }
    if let value = map["interval"] { check.interval = try value.positiveDuration() }
    if let value = map["timeout"] { check.timeout = try value.positiveDuration() }
    if let value = map["unhealthy_threshold"] { check.unhealthyThreshold = try value.number(1...1_000) }
    if let value = map["healthy_threshold"] { check.healthyThreshold = try value.number(1...1_000) }
    return check
  }

  /// `none`, or a mapping.
  func outlierDetection() throws(ConfigurationFileError) -> BackendSet.OutlierDetection? {
    if !isMap, try text() == "none" { return nil }
    let map = try map("outlier detection", keys: ["consecutive_failures", "ejection_time", "max_ejection_time"])
    var detection = BackendSet.OutlierDetection()
    if let value = map["consecutive_failures"] { detection.consecutiveFailures = try value.number(1...1_000_000) }
    if let value = map["ejection_time"] { detection.ejectionTime = try value.positiveDuration() }
    if let value = map["max_ejection_time"] { detection.maxEjectionTime = try value.positiveDuration() }
    guard detection.ejectionTime <= detection.maxEjectionTime else {
      throw (map["max_ejection_time"] ?? map["ejection_time"] ?? self).failure(
        "'ejection_time' (\(detection.ejectionTime)) is over 'max_ejection_time' (\(detection.maxEjectionTime)); "
          + "raise the latter")
    }
    return detection
  }

  fileprivate func keepalive() throws(ConfigurationFileError) -> GRPCChannel.ConnectionConfiguration.Keepalive {
    let map = try map("keepalive", keys: ["interval", "timeout", "without_calls"])
    var keepalive = GRPCChannel.ConnectionConfiguration.Keepalive(
      every: try map.required("interval").positiveDuration())
    if let value = map["timeout"] { keepalive.timeout = try value.positiveDuration() }
    if let value = map["without_calls"] { keepalive.withoutCalls = try value.bool() }
    return keepalive
  }
}

extension YAMLMap {
  /// How connections are made and kept, from the keys of a backend.
  func connection() throws(ConfigurationFileError) -> GRPCChannel.ConnectionConfiguration {
    var connection = GRPCChannel.ConnectionConfiguration()
    if let value = self["connect_timeout"] { connection.connectTimeout = try value.positiveDuration() }
    connection.keepalive = try self["keepalive"]?.keepalive()
    if let value = self["max_connections"] { connection.maxConnections = try value.number(1...65_535) }
    connection.idleTime = try self["idle_time"]?.positiveDuration()
    return connection
  }
}
