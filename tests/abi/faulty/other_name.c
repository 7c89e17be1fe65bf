/* SPDX-License-Identifier: Apache-2.0 */
/* A good table, but not of the name that its file has. */
#include "stub.h"

IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_BACKEND_HEADER,
                                                    STUB_TABLE("somebody", stub_precisions, stub_options)};
