/* SPDX-License-Identifier: Apache-2.0 */
#include "stub.h"

static const ib_precision_info precisions[] = {{"int8", "one", 8, 1}, {"int4", "two", 4, 1}, {"int8", "three", 8, 1}};
IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_BACKEND_HEADER,
                                                    STUB_TABLE("duplicate_precision", precisions, stub_options)};
