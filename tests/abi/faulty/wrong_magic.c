/* SPDX-License-Identifier: Apache-2.0 */
#include "stub.h"

IB_EXPORT const ib_backend inferbench_backend_v1 = {UINT64_C(0x1122334455667788), IB_ABI_MAJOR, IB_ABI_MINOR,
                                                    sizeof(ib_backend),
                                                    STUB_TABLE("wrong_magic", stub_precisions, stub_options)};
