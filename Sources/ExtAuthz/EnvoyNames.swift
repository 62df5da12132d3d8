// SPDX-License-Identifier: Apache-2.0
public import EnvoyAPI

/// The generated message of a whole question.
public typealias CheckRequestMessage = Envoy_Service_Auth_V3_CheckRequest

/// The generated message of a whole answer.
public typealias CheckResponseMessage = Envoy_Service_Auth_V3_CheckResponse
