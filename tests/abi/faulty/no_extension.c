/* SPDX-License-Identifier: Apache-2.0 */
/* struct_size ends before the optional extension: the shortest table that must load. */
#include "stub.h"

IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_MAGIC, IB_ABI_MAJOR, IB_ABI_MINOR,
                                                    offsetof(ib_backend, extension),
                                                    STUB_TABLE("no_extension", stub_precisions, stub_options)};
