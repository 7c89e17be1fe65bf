// SPDX-License-Identifier: Apache-2.0
// The table of the libtorch backend: what it offers, and the ABI's functions.
#include <cstddef>
#include <cstdint>
#include <span>

#include "context.hpp"
#include "device.hpp"
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

constexpr ib_precision_info kFp32{"fp32", "weights, activations, KV cache and sums in IEEE binary32", 32, 0};
constexpr ib_precision_info kInt8{
    "int8",
    "weights in 8 bits with a scale per output channel, activations in 7 bits with a scale per token, sums in "
    "32-bit integers; attention and KV cache in fp32",
    8, 1};
constexpr ib_precision_info kBf16{"bf16", "on a GPU: weights, activations, KV cache and logits in bfloat16", 16, 0};
constexpr ib_precision_info kFp16{"fp16", "on a GPU: weights, activations, KV cache and logits in binary16", 16, 0};

// Those that this build of libtorch has.
std::span<const ib_precision_info> precisions() {
  static ib_precision_info list[4];  // lives as long as the library
  std::size_t n = 0;
  list[n++] = kFp32;
  if (inferbench::torch_backend::has_int8()) list[n++] = kInt8;
  if (inferbench::torch_backend::kHasCuda) {
    list[n++] = kBf16;
    list[n++] = kFp16;
  }
  return {list, n};
}

// The CUDA driver's threads for events and for asynchronous work.
constexpr std::int32_t kCudaDriverThreads = 16;

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
    .n_driver_threads = inferbench::torch_backend::kHasCuda ? kCudaDriverThreads : 0,
    .devices = inferbench::torch_backend::kListDevices,
    .extension = inferbench::op_bench_extension<Context, Operator>,
});
