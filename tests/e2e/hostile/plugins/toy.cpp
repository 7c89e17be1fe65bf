// SPDX-License-Identifier: Apache-2.0
// Nothing is wrong with it: the baseline next to the hostile ones.
#include "toy_backend.hpp"

TOY_BACKEND(toy::make_table<toy::Context, toy::Model, toy::Session>("toy", "a hash instead of a model"))
