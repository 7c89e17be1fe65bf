/* SPDX-License-Identifier: Apache-2.0 */
#include "stub.h"

static const ib_option_info options[] = {{"tile", 17, 0, "8", 1, 64, NULL, "none"}};
IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_BACKEND_HEADER,
                                                    STUB_TABLE("option_type", stub_precisions, options)};
