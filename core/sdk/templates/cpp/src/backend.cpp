// SPDX-License-Identifier: Apache-2.0
//
// The table that the host reads. backend.hpp makes its functions from the three classes: they check their arguments and
// turn exceptions into statuses.
#include "inferbench/backend.hpp"

#include "model.hpp"
#include "session.hpp"

namespace {

// Name, one line about it, bits of a weight, whether linear layers multiply integers.
constexpr ib_precision_info kPrecisions[] = {{"fp32", "fp32 weights and activations, double sums", 32, 0}};

}  // namespace

extern "C" IB_EXPORT constinit const ib_backend inferbench_backend_v1 =
    inferbench::make_table<Context, Model, Session>({
        .name = "@NAME@",
        .version = "0.1.0",
        .build = "C++20, " __VERSION__,
        .license = "Apache-2.0",
        .doc = "dense decoders in plain C++, one thread, a token at a time",
        .flags = IB_FLAG_CONCURRENT_SESSIONS,  // a session has its own work space; the model is only read
        // All of ABI 1.0. Leave out what you do not compute: the host then refuses the models that need it.
        .features = IB_FEATURES_GPT2 | IB_FEATURES_LLAMA | IB_FEATURES_GEMMA,
        .precisions = kPrecisions,
    });
