// SPDX-License-Identifier: Apache-2.0
//
// Envoy's functions, for tests that link a module's code: whoever calls one has need of an Envoy.
#pragma once
