/* SPDX-License-Identifier: Apache-2.0 */
/* A valid table whose name differs from the file name. */
#include "stub.h"

IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_BACKEND_HEADER,
                                                    STUB_TABLE("somebody", stub_precisions, stub_options)};
