// SPDX-License-Identifier: Apache-2.0
internal import CEnvoyABI
internal import Logging

/// Logs to Envoy's own log, where its logger `dynamic_modules` says how much. Any thread may log.
struct EnvoyLogHandler: LogHandler {
  let label: String
  var metadata: Logger.Metadata = [:]
  private var ownLevel: Logger.Level?

  init(label: String) { self.label = label }

  /// Envoy's, which may change at any time, unless another is set.
  var logLevel: Logger.Level {
    get { ownLevel ?? EnvoyLog.level }
    set { ownLevel = newValue }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let all = metadata.merging(event.metadata ?? [:]) { $1 }
    let values = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
    EnvoyLog.write("\(label): \(event.message)\(values)", event.level.envoyLevel)
  }
}

/// Lines in Envoy's log.
enum EnvoyLog {
  /// Says why something of the module cannot be used.
  static func error(_ message: String) { write(message, Int32(EnvoyLogError)) }

  /// The least level that Envoy logs.
  static var level: Logger.Level {
    [.trace, .debug, .info, .warning, .error].first { envoy_dynamic_module_callback_log_enabled($0.envoyLevel) }
      ?? .critical
  }

  fileprivate static func write(_ message: String, _ level: Int32) {
    message.withEnvoyBytes { envoy_dynamic_module_callback_log(level, $0) }
  }
}

extension Logger.Level {
  fileprivate var envoyLevel: Int32 {
    switch self {
    case .trace: Int32(EnvoyLogTrace)
    case .debug: Int32(EnvoyLogDebug)
    case .info, .notice: Int32(EnvoyLogInfo)
    case .warning: Int32(EnvoyLogWarn)
    case .error: Int32(EnvoyLogError)
    case .critical: Int32(EnvoyLogCritical)
    }
  }
}
