/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "stub.h"

__attribute__((constructor)) static void at_load(void) {
  exit(0);
}

IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_BACKEND_HEADER,
                                                    STUB_TABLE("constructor_exit", stub_precisions, stub_options)};
