// SPDX-License-Identifier: Apache-2.0
// The table of the oneDNN backend: what it offers, and the ABI's functions.
#include <iterator>

#include "context.hpp"
#include "inferbench/op_bench.hpp"
#include "model.hpp"
#include "operator.hpp"
#include "session.hpp"

namespace {

using inferbench::onednn::Context;
using inferbench::onednn::Model;
using inferbench::onednn::Session;
using Functions = inferbench::BackendFunctions<Context, Model, Session>;

constexpr ib_precision_info kPrecisions[] = {
    {"fp32", "weights, activations, KV cache and sums in IEEE binary32"},
    {"int8",
     "weights in 8 bits with a scale per output channel, activations in 8 bits (7 "
     "where the CPU has no VNNI) with a scale per token, sums in 32-bit integers; attention and KV cache in fp32"},
};

constexpr ib_op_bench_ext kOpBench = inferbench::op_bench_table<Context, inferbench::onednn::Operator>();

const void* extension(const char* name) noexcept {
  return inferbench::is_op_bench(name) ? &kOpBench : nullptr;
}

}  // namespace

extern "C" IB_EXPORT const ib_backend inferbench_backend_v1 = {
    IB_BACKEND_HEADER,
    "onednn",
    INFERBENCH_VERSION,
    INFERBENCH_BUILD,
    "Apache-2.0",
    "GPT-2 on oneDNN's primitives; sessions share its stream, so that only one may be in a call at a time",
    0,
    kPrecisions,
    std::size(kPrecisions),
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
