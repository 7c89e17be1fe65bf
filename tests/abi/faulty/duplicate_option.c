/* SPDX-License-Identifier: Apache-2.0 */
#include "stub.h"

static const ib_option_info options[] = {{"tile", IB_OPTION_INT, 0, "8", 1, 64, NULL, "one"},
                                         {"tile", IB_OPTION_INT, 0, "8", 1, 64, NULL, "two"}};
IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_BACKEND_HEADER,
                                                    STUB_TABLE("duplicate_option", stub_precisions, options)};
