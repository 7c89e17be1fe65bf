/* SPDX-License-Identifier: Apache-2.0 */
#include "stub.h"

IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_MAGIC, 2, 7, sizeof(ib_backend),
                                                    STUB_TABLE("other_major", stub_precisions, stub_options)};
