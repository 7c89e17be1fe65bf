// SPDX-License-Identifier: Apache-2.0
// Declares its prompt cache. The rule that finds undeclared ones does not apply, and a run reports the cache.
#include "toy_backend.hpp"

TOY_BACKEND((toy::make_table<toy::Context, toy::Model, toy::Session>("declared_memo", "declares a prompt cache",
                                                                     IB_FLAG_PROMPT_CACHE)))
