// SPDX-License-Identifier: Apache-2.0
// The table of the CUDA backend.
#include "device_list.hpp"
#include "device_probe.hpp"
#include "inferbench/backend.hpp"
#include "model.hpp"
#include "option_schema.hpp"
#include "session.hpp"

namespace {

using inferbench::cuda_backend::Context;
using inferbench::cuda_backend::Model;
using inferbench::cuda_backend::Session;

constexpr ib_precision_info kPrecisions[] = {
    {"bf16", "weights, products' inputs and KV cache in bfloat16, sums and the residual stream in fp32", 16, 0},
    {"fp16", "weights, products' inputs and KV cache in binary16, sums and the residual stream in fp32", 16, 0},
    {"fp32", "all in IEEE binary32", 32, 0},
    {"int8",
     "weights in 8 bits with a bfloat16 scale per 32 inputs; embeddings, products' inputs (15 bits with a scale per 32 "
     "in steps of one sequence) and KV cache in bfloat16",
     8, 0},
    {"int4", "as int8, but linear weights in 4 bits, scales by least squares; the head stays in 8", 4, 0},
};

// The driver's threads for events and for asynchronous work.
constexpr std::int32_t kDriverThreads = 16;

constexpr inferbench::BackendDescription kDescription = {
    .name = "cuda",
    .version = INFERBENCH_VERSION,
    .build = INFERBENCH_BUILD,
    .license = "Apache-2.0",
    .doc = "decoders on an NVIDIA GPU: a decode step is one persistent kernel that streams the weights",
    .features = inferbench::cuda_backend::kFeatures,
    .precisions = kPrecisions,
    .options = inferbench::cuda_backend::kOptionSchema,
    .n_driver_threads = kDriverThreads,
    .devices = inferbench::list_devices_of_child<inferbench::cuda_backend::ask_runtime>,
    .extension = inferbench::cuda_backend::device_probe_extension,
};

}  // namespace

extern "C" IB_EXPORT constinit const ib_backend inferbench_backend_v1 =
    inferbench::make_table<Context, Model, Session>(kDescription);
