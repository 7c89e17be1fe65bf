/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE
#include <unistd.h>

#include "../faulty/stub.h"

/* Half a second, which a large library may take to load. */
__attribute__((constructor)) static void at_load(void) {
  usleep(500 * 1000);
}

IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_BACKEND_HEADER,
                                                    STUB_TABLE("sleeps", stub_precisions, stub_options)};
