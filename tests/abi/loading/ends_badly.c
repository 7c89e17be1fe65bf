/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include "../faulty/stub.h"

static void at_exit(void) {
  _exit(7);
}

__attribute__((constructor)) static void at_load(void) {
  atexit(at_exit);
}

__attribute__((destructor)) static void at_unload(void) {
  for (;;) pause();
}

IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_BACKEND_HEADER,
                                                    STUB_TABLE("ends_badly", stub_precisions, stub_options)};
