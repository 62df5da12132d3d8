// SPDX-License-Identifier: Apache-2.0

// Errors of a file, and how it is read again, are the same for each kind of file.
@_exported public import ConfigurationFile
