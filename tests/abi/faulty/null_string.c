/* SPDX-License-Identifier: Apache-2.0 */
#include "stub.h"

IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_BACKEND_HEADER,
                                                    "null_string",
                                                    "1.0.0",
                                                    NULL,
                                                    "Apache-2.0",
                                                    "no build",
                                                    0,
                                                    STUB_FEATURES,
                                                    STUB_ARRAYS(stub_precisions, stub_options),
                                                    STUB_DRIVER_THREADS,
                                                    stub_init,
                                                    STUB_FUNCTIONS};
