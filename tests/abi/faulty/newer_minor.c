/* SPDX-License-Identifier: Apache-2.0 */
/* A table of a later minor version, with a field that this host does not know. It must load. */
#define inferbench_backend_v1 inferbench_backend_v1_as_declared
#include "stub.h"
#undef inferbench_backend_v1

typedef struct later_backend {
  ib_backend known;
  int (*later_function)(void);
} later_backend;

static int later_function(void) {
  return 1;
}

extern IB_EXPORT const later_backend inferbench_backend_v1;
const later_backend inferbench_backend_v1 = {
    {IB_MAGIC, IB_ABI_MAJOR, 9, sizeof(later_backend), STUB_TABLE("newer_minor", stub_precisions, stub_options)},
    later_function};
