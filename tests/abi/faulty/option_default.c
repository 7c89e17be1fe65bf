/* SPDX-License-Identifier: Apache-2.0 */
#include "stub.h"

static const ib_option_info options[] = {{"tile", IB_OPTION_INT, 0, "65", 1, 64, NULL, "none"}};
IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_BACKEND_HEADER,
                                                    STUB_TABLE("option_default", stub_precisions, options)};
