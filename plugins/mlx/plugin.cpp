// SPDX-License-Identifier: Apache-2.0
// The table of the MLX backend: what it offers, and the ABI's functions.
#include "blas_threads.hpp"
#include "context.hpp"
#include "inferbench/op_bench.hpp"
#include "model.hpp"
#include "operator.hpp"
#include "session.hpp"

namespace {

using inferbench::mlx_backend::Context;
using inferbench::mlx_backend::Model;
using inferbench::mlx_backend::Operator;
using inferbench::mlx_backend::Session;

constexpr ib_precision_info kPrecisions[] = {
    {"fp32", "weights, activations and KV cache in IEEE binary32", 32, 0},
    {"fp16", "weights, activations and KV cache in IEEE binary16", 16, 0},
    {"bf16", "weights, activations and KV cache in bfloat16", 16, 0},
    {"int8", "weights in 8 bits with a scale and a bias per group of values, else as option activations says", 8, 0},
    {"int4", "weights in 4 bits with a scale and a bias per group of values, else as option activations says", 4, 0},
    {inferbench::mlx_backend::kOfTheFolder,
     "the matrices of a folder quantized by MLX as they are, else as option activations says; judged as one of 4 bits",
     4, 0},
};

constexpr const char* kTypes[] = {"auto", "fp32", "fp16", "bf16", nullptr};
constexpr const char* kGroups[] = {"64", "32", "128", nullptr};
constexpr const char* kSwitch[] = {"auto", "on", "off", nullptr};

constexpr ib_option_info kOptions[] = {
    {"activations", IB_OPTION_CHOICE, 0, "auto", 0, 0, kTypes,
     "of int8, int4 and mlx: type of activations, scales and KV cache; auto: fp32 on the CPU, on a GPU fp16, or with "
     "mlx that of the folder's scales"},
    {"group_size", IB_OPTION_CHOICE, 0, "64", 0, 0, kGroups, "of int8 and int4: values that share a scale and a bias"},
    {"compile", IB_OPTION_CHOICE, 0, "auto", 0, 0, kSwitch,
     "compile elementwise operations into one kernel (on the CPU by calling g++); auto: on a GPU"},
};

// MLX's stream has a thread of its own, which computes while the calling one waits. Its BLAS may have started some,
// too, which sleep if they are more than it was told to use. Where MLX has read a file, two pools of threads for that
// wait for the next one.
std::int32_t n_waiting_threads() {
  constexpr std::int32_t kFileThreads = 8;
  return 1 + inferbench::mlx_backend::idle_blas_threads() + kFileThreads;
}

}  // namespace

// Not constinit as in other backends: MLX's BLAS is asked while this library is loaded.
extern "C" IB_EXPORT const ib_backend inferbench_backend_v1 = inferbench::make_table<Context, Model, Session>({
    .name = "mlx",
    .version = INFERBENCH_VERSION,
    .build = INFERBENCH_BUILD,
    .license = "Apache-2.0",
    .doc = "decoders on MLX's arrays: its fast attention, norms and rotary positions, its quantized products",
    .features = inferbench::mlx_backend::kFeatures,
    .precisions = kPrecisions,
    .options = kOptions,
    .n_driver_threads = n_waiting_threads(),
    .devices = inferbench::mlx_backend::devices,
    .extension = inferbench::op_bench_extension<Context, Operator>,
});
