/* SPDX-License-Identifier: Apache-2.0 */
#include "stub.h"

extern int a_function_of_nobody(void);
IB_EXPORT int calls_it(void);
int calls_it(void) {
  return a_function_of_nobody();
}

IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_BACKEND_HEADER,
                                                    STUB_TABLE("unresolved_symbol", stub_precisions, stub_options)};
