// SPDX-License-Identifier: Apache-2.0
public import XDSConfig

extension AuthorizationServer {
  /// What Envoy's filter has to be like for this callout.
  public var calloutFilter: CalloutFilter { .extAuthz(CalloutFilter.ExtAuthz()) }
}
