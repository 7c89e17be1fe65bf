/* SPDX-License-Identifier: Apache-2.0 */
#include "stub.h"

static const ib_precision_info precisions[] = {{"int8", "one"}, {"int4", "two"}, {"int8", "three"}};
IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_BACKEND_HEADER,
                                                    STUB_TABLE("duplicate_precision", precisions, stub_options)};
