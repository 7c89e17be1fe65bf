// SPDX-License-Identifier: Apache-2.0
// The table of the libtorch backend: what it offers, and the ABI's functions.
#include <iterator>

#include "context.hpp"
#include "inferbench/op_bench.hpp"
#include "model.hpp"
#include "operator.hpp"
#include "quantized_linear.hpp"
#include "session.hpp"

namespace {

using inferbench::torch_backend::Context;
using inferbench::torch_backend::Model;
using inferbench::torch_backend::Session;
using Functions = inferbench::BackendFunctions<Context, Model, Session>;

constexpr ib_precision_info kPrecisions[] = {
    {"fp32", "weights, activations, KV cache and sums in IEEE binary32"},
    {"int8",
     "weights in 8 bits with a scale per output channel, activations in 7 bits with a scale per token, sums in "
     "32-bit integers; attention and KV cache in fp32"},
};

constexpr ib_op_bench_ext kOpBench = inferbench::op_bench_table<Context, inferbench::torch_backend::Operator>();

const void* extension(const char* name) noexcept {
  return inferbench::is_op_bench(name) ? &kOpBench : nullptr;
}

}  // namespace

// Made when the library is loaded: int8 is listed where this build of libtorch has an engine for it.
extern "C" IB_EXPORT const ib_backend inferbench_backend_v1 = {
    IB_BACKEND_HEADER,
    "torch",
    INFERBENCH_VERSION,
    INFERBENCH_BUILD,
    "Apache-2.0",
    "GPT-2 on libtorch's operators; its threads are the process's, so that only one session may be in a call at a time",
    0,
    kPrecisions,
    inferbench::torch_backend::has_int8() ? std::size(kPrecisions) : 1,
    nullptr,
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
    extension,
};
