// SPDX-License-Identifier: Apache-2.0
// cpu_ref's table: what it offers, and the ABI's functions.
#include "inferbench/backend.hpp"
#include "inferbench/op_bench.hpp"
#include "model.hpp"
#include "operator.hpp"
#include "session.hpp"

namespace {

using inferbench::cpu_ref::Context;
using inferbench::cpu_ref::Model;
using inferbench::cpu_ref::Operator;
using inferbench::cpu_ref::Session;

constexpr ib_precision_info kPrecisions[] = {
    {"fp32", "weights, activations, KV cache and sums in IEEE binary32, whatever the checkpoint's type", 32, 0},
};

constexpr const char* kIsaChoices[] = {"auto", "generic", "avx2", "avx512", nullptr};

constexpr ib_option_info kOptions[] = {
    {"isa", IB_OPTION_CHOICE, 0, "auto", 0, 0, kIsaChoices,
     "instruction set: auto takes the widest that runs here; generic is SSE2, avx2 needs FMA too, avx512 is AVX-512F"},
};

}  // namespace

extern "C" IB_EXPORT constinit const ib_backend inferbench_backend_v1 =
    inferbench::make_table<Context, Model, Session>({
        .name = "cpu_ref",
        .version = INFERBENCH_VERSION,
        .build = INFERBENCH_BUILD,
        .license = "Apache-2.0",
        .doc =
            "the yardstick: fp32 on any x86-64 CPU, one plain operation after the other; sessions share its threads, "
            "so that only one may be in a call at a time",
        .features = IB_FEATURES_GPT2 | IB_FEATURES_LLAMA | IB_FEATURES_GEMMA,
        .precisions = kPrecisions,
        .options = kOptions,
        .extension = inferbench::op_bench_extension<Context, Operator>,
    });
