// SPDX-License-Identifier: Apache-2.0
// A correct backend: the baseline for the hostile ones.
#include "toy_backend.hpp"

TOY_BACKEND(toy::make_table<toy::Context, toy::Model, toy::Session>("toy", "a hash instead of a model"))
