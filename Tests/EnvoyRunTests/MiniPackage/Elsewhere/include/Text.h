// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What the module answers.
const char *text(void);
