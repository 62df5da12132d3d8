// SPDX-License-Identifier: Apache-2.0

// A test imports this module alone: the callout it tests, the messages that it looks into, and the
// statuses that its streams end with.
@_exported public import CalloutGRPC
@_exported public import EnvoyAPI
@_exported public import ExtAuthz
@_exported public import ExtProc
@_exported public import XDS
