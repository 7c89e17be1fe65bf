/* SPDX-License-Identifier: Apache-2.0 */
#include "stub.h"

IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_BACKEND_HEADER,
                                                    STUB_STRINGS("null_function"),
                                                    0,
                                                    STUB_FEATURES,
                                                    STUB_ARRAYS(stub_precisions, stub_options),
                                                    STUB_DRIVER_THREADS,
                                                    NULL,
                                                    STUB_FUNCTIONS};
