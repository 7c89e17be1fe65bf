// SPDX-License-Identifier: Apache-2.0
//
// The table that the host reads. backend.hpp makes its functions of the three classes: it turns exceptions into
// statuses, and checks what callers can get wrong.
#include "inferbench/backend.hpp"

#include "model.hpp"
#include "session.hpp"

namespace {

using Functions = inferbench::BackendFunctions<Context, Model, Session>;

constexpr ib_precision_info kPrecisions[] = {{"fp32", "fp32 weights and activations, double sums"}};

}  // namespace

extern "C" IB_EXPORT const ib_backend inferbench_backend_v1 = {
    IB_BACKEND_HEADER,
    "@NAME@",
    "0.1.0",
    "C++20, " __VERSION__,
    "Apache-2.0",
    "GPT-2 in plain C++, one thread, a token at a time",
    IB_FLAG_CONCURRENT_SESSIONS,  // a session has its own work space; the model is only read
    kPrecisions,
    std::size(kPrecisions),
    nullptr,  // options
    0,
    Functions::init,
    Functions::shutdown,
    Functions::model_create,
    Functions::model_destroy,
    Functions::model_info,
    Functions::session_create,
    Functions::session_destroy,
    Functions::session_info,
    Functions::forward,
    Functions::session_truncate,
    nullptr,  // extension
};
