// SPDX-License-Identifier: Apache-2.0
#include "ending_backend.hpp"

TOY_BACKEND(ending::make_table("ending"))
