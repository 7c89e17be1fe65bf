// SPDX-License-Identifier: Apache-2.0
// The table of the libtorch backend: what it offers, and the ABI's functions.
#include <cstddef>
#include <iterator>
#include <span>

#include "context.hpp"
#include "inferbench/op_bench.hpp"
#include "model.hpp"
#include "operator.hpp"
#include "quantized_linear.hpp"
#include "session.hpp"

namespace {

using inferbench::torch_backend::Context;
using inferbench::torch_backend::Model;
using inferbench::torch_backend::Operator;
using inferbench::torch_backend::Session;

constexpr ib_precision_info kPrecisions[] = {
    {"fp32", "weights, activations, KV cache and sums in IEEE binary32", 32, 0},
    {"int8",
     "weights in 8 bits with a scale per output channel, activations in 7 bits with a scale per token, sums in "
     "32-bit integers; attention and KV cache in fp32",
     8, 1},
};

// int8 is listed only where this build of libtorch has an engine for it.
std::span<const ib_precision_info> precisions() {
  const std::size_t n = inferbench::torch_backend::has_int8() ? std::size(kPrecisions) : 1;
  return {kPrecisions, n};
}

}  // namespace

// Not constinit as in other backends: libtorch is asked while this library is loaded.
extern "C" IB_EXPORT const ib_backend inferbench_backend_v1 = inferbench::make_table<Context, Model, Session>({
    .name = "torch",
    .version = INFERBENCH_VERSION,
    .build = INFERBENCH_BUILD,
    .license = "Apache-2.0",
    .doc = "decoders on libtorch's operators; its threads are the process's, so that only one session may be in a call "
           "at a time",
    .features = inferbench::torch_backend::kFeatures,
    .precisions = precisions(),
    .extension = inferbench::op_bench_extension<Context, Operator>,
});
