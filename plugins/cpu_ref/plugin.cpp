// SPDX-License-Identifier: Apache-2.0
// cpu_ref's table: what it offers, and the ABI's functions.
#include <iterator>

#include "inferbench/backend.hpp"
#include "inferbench/op_bench.hpp"
#include "model.hpp"
#include "operator.hpp"
#include "session.hpp"

namespace {

using inferbench::cpu_ref::Context;
using inferbench::cpu_ref::Model;
using inferbench::cpu_ref::Session;
using Functions = inferbench::BackendFunctions<Context, Model, Session>;

constexpr ib_precision_info kPrecisions[] = {
    {"fp32", "weights, activations, KV cache and sums in IEEE binary32, whatever the checkpoint's type"},
};

constexpr const char* kIsaChoices[] = {"auto", "generic", "avx2", "avx512", nullptr};

constexpr ib_option_info kOptions[] = {
    {"isa", IB_OPTION_CHOICE, 0, "auto", 0, 0, kIsaChoices,
     "instruction set: auto takes the widest that runs here; generic is SSE2, avx2 needs FMA too, avx512 is AVX-512F"},
};

constexpr ib_op_bench_ext kOpBench = inferbench::op_bench_table<Context, inferbench::cpu_ref::Operator>();

const void* extension(const char* name) noexcept {
  return inferbench::is_op_bench(name) ? &kOpBench : nullptr;
}

}  // namespace

extern "C" IB_EXPORT const ib_backend inferbench_backend_v1 = {
    IB_BACKEND_HEADER,
    "cpu_ref",
    INFERBENCH_VERSION,
    INFERBENCH_BUILD,
    "Apache-2.0",
    "the yardstick: fp32 on any x86-64 CPU, one plain operation after the other; sessions share its threads, so that "
    "only one may be in a call at a time",
    0,
    kPrecisions,
    std::size(kPrecisions),
    kOptions,
    std::size(kOptions),
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
    extension,
};
