/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE
#include <unistd.h>

#include "../faulty/stub.h"

__attribute__((constructor)) static void at_load(void) {
  for (int fd = 3; fd < 64; ++fd) close(fd);
}

IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_BACKEND_HEADER,
                                                    STUB_TABLE("closes_descriptors", stub_precisions, stub_options)};
