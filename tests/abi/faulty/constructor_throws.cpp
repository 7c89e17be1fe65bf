// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>

#include "stub.h"

namespace {

struct Thrower {
  Thrower() { throw std::runtime_error("no license found"); }
};
const Thrower kThrower;

}  // namespace

extern "C" IB_EXPORT const ib_backend inferbench_backend_v1 = {
    IB_BACKEND_HEADER, STUB_TABLE("constructor_throws", stub_precisions, stub_options)};
