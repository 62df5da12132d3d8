// SPDX-License-Identifier: Apache-2.0
public import EnvoyAPI

/// The generated message of a request about a connection's bytes.
public typealias NetworkRequestMessage = Envoy_Service_NetworkExtProc_V3_ProcessingRequest

/// The generated message of its answer.
public typealias NetworkResponseMessage = Envoy_Service_NetworkExtProc_V3_ProcessingResponse
