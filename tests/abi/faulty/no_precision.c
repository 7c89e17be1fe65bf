/* SPDX-License-Identifier: Apache-2.0 */
#include "stub.h"

IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_BACKEND_HEADER,
                                                    STUB_STRINGS("no_precision"),
                                                    0,
                                                    STUB_FEATURES,
                                                    NULL,
                                                    0,
                                                    stub_options,
                                                    1,
                                                    STUB_DRIVER_THREADS,
                                                    stub_init,
                                                    STUB_FUNCTIONS};
