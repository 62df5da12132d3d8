// SPDX-License-Identifier: Apache-2.0
public import XDSConfig

extension NetworkCalloutServer {
  /// What Envoy's filter has to be like for this callout: it is sent the directions that hooks are overridden for.
  public var calloutFilter: CalloutFilter {
    var filter = CalloutFilter.NetworkExtProc()
    if let hooks = overriddenHooks, !hooks.contains(.shouldCloseConnection), !hooks.contains(.connectionStart) {
      filter.processesWrite = hooks.contains(.writeData)
      // Envoy refuses a filter that sends neither.
      filter.processesRead = hooks.contains(.readData) || !filter.processesWrite
    }
    return .networkExtProc(filter)
  }
}
