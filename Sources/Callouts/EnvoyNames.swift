// SPDX-License-Identifier: Apache-2.0
public import EnvoyAPI

/// How the proxy sends bodies: not at all, in pieces, whole, or in both directions at their own pace.
public typealias BodySendMode = Envoy_Extensions_Filters_Http_ExtProc_V3_ProcessingMode.BodySendMode

/// Which headers, bodies and trailers the proxy sends.
public typealias ProcessingMode = Envoy_Extensions_Filters_Http_ExtProc_V3_ProcessingMode

/// The generated message of a whole request.
public typealias ProcessingRequestMessage = Envoy_Service_ExtProc_V3_ProcessingRequest

/// The generated message of a whole response.
public typealias ProcessingResponseMessage = Envoy_Service_ExtProc_V3_ProcessingResponse
