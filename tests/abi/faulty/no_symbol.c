/* SPDX-License-Identifier: Apache-2.0 */
#include "inferbench/backend.h"

IB_EXPORT const int some_other_symbol = 1;
