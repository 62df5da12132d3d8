// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

/// Starts a program that gets SIGTERM when the calling thread ends, however it does: also where this process is killed.
///
/// Signals are to the program what they are to one that a shell starts. Returns 0, or why it cannot be started: an errno.
int spawnBoundToThread(
    pid_t *_Nonnull pid, const char *_Nonnull path, char *_Nullable const *_Nonnull arguments,
    char *_Nullable const *_Nonnull environment);
