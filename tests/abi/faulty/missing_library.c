/* SPDX-License-Identifier: Apache-2.0 */
#include "stub.h"

extern int a_function_of_nowhere(void);
IB_EXPORT int calls_it(void);
int calls_it(void) {
  return a_function_of_nowhere();
}

IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_BACKEND_HEADER,
                                                    STUB_TABLE("missing_library", stub_precisions, stub_options)};
