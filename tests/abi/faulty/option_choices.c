/* SPDX-License-Identifier: Apache-2.0 */
#include "stub.h"

static const ib_option_info options[] = {{"isa", IB_OPTION_CHOICE, 0, "auto", 0, 0, NULL, "none"}};
IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_BACKEND_HEADER,
                                                    STUB_TABLE("option_choices", stub_precisions, options)};
