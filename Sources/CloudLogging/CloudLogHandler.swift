// SPDX-License-Identifier: Apache-2.0
public import Logging

/// A backend of `Logger` that logs to Cloud Logging, through an exporter.
///
/// Levels become severities, trace becoming DEBUG like debug. Metadata become fields of the entry's payload, but for
/// some by these names: `httpRequest` and `labels`, where they are dictionaries, `trace` and `spanId` become what Cloud
/// Logging knows by them. Source: https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry.
public struct CloudLogHandler: LogHandler {
  private let label: String
  private let exporter: CloudLogExporter
  public var logLevel = Logger.Level.info
  public var metadata: Logger.Metadata = [:]
  public var metadataProvider: Logger.MetadataProvider?

  init(label: String, exporter: CloudLogExporter, metadataProvider: Logger.MetadataProvider?) {
    self.label = label
    self.exporter = exporter
    self.metadataProvider = metadataProvider
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    var all = metadata
    if let metadataProvider { all.merge(metadataProvider.get()) { $1 } }
    if let metadata = event.metadata { all.merge(metadata) { $1 } }
    exporter.write(event, label: label, metadata: all)
  }
}
