/* SPDX-License-Identifier: Apache-2.0 */
#include "stub.h"

__attribute__((constructor)) static void at_load(void) {
  volatile int* volatile nowhere = NULL; /* volatile: otherwise the compiler may remove undefined behavior */
  *nowhere = 1;
}

IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_BACKEND_HEADER,
                                                    STUB_TABLE("constructor_segfault", stub_precisions, stub_options)};
