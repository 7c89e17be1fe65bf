// SPDX-License-Identifier: Apache-2.0
// The same backend, under the name that `machine` and `ipc` look for.
#include "ending_backend.hpp"

TOY_BACKEND(ending::make_table("null"))
