// SPDX-License-Identifier: Apache-2.0

// A test imports this module alone: the callout it tests, and the messages that it looks into.
@_exported public import EnvoyAPI
@_exported public import ExtProc
