// SPDX-License-Identifier: Apache-2.0
import AddHeader
import ExtProc

await AddHeader.main()
