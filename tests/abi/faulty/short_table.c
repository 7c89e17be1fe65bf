/* SPDX-License-Identifier: Apache-2.0 */
/* struct_size ends before forward. */
#include "stub.h"

IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_MAGIC, IB_ABI_MAJOR, IB_ABI_MINOR, offsetof(ib_backend, forward),
                                                    STUB_TABLE("short_table", stub_precisions, stub_options)};
