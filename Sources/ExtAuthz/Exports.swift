// SPDX-License-Identifier: Apache-2.0

// One import is enough to write and to run a callout.
@_exported public import CalloutServing
@_exported public import Callouts
