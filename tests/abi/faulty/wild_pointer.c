/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the version crashes. */
#include "stub.h"

IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_BACKEND_HEADER,
                                                    "wild_pointer",
                                                    (const char*)16,
                                                    "test",
                                                    "Apache-2.0",
                                                    "a bad pointer",
                                                    0,
                                                    STUB_FEATURES,
                                                    STUB_ARRAYS(stub_precisions, stub_options),
                                                    STUB_DRIVER_THREADS,
                                                    stub_init,
                                                    STUB_FUNCTIONS};
