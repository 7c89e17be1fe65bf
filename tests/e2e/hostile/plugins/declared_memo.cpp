// SPDX-License-Identifier: Apache-2.0
// Says that it has a prompt cache: the rule that finds hidden ones leaves it alone, and a run says so.
#include "toy_backend.hpp"

TOY_BACKEND((toy::make_table<toy::Context, toy::Model, toy::Session>("declared_memo", "declares a prompt cache",
                                                                     IB_FLAG_PROMPT_CACHE)))
