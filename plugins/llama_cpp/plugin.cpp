// SPDX-License-Identifier: Apache-2.0
// The table of the llama.cpp backend: what it offers, and the ABI's functions.
#include "context.hpp"
#include "model.hpp"
#include "session.hpp"

namespace {

using inferbench::llama_cpp::Context;
using inferbench::llama_cpp::Model;
using inferbench::llama_cpp::Session;

constexpr ib_precision_info kPrecisions[] = {
    {"f16", "weights in IEEE binary16, activations rounded to it for each product, sums in fp32", 16, 0},
    {"f32", "weights and activations in IEEE binary32, KV cache too unless option kv says otherwise", 32, 0},
    {"bf16", "weights in bfloat16, activations rounded to it for each product, sums in fp32", 16, 0},
    {"q8_0", "weights and activations in 8 bits with an fp16 scale per 32 values", 8, 1},
    {"q6_k", "weights in 6 bits with an 8-bit scale per 16 values, activations in 8 bits", 6, 1},
    {"q4_k", "weights in 4 bits with a 6-bit scale and minimum per 32 values, activations in 8 bits", 4, 1},
    {"q4_0", "weights in 4 bits with an fp16 scale per 32 values, activations in 8 bits", 4, 1},
    {inferbench::llama_cpp::kOfTheFile, "the model's GGUF file as it is; judged as one of 4 bits", 4, 1},
};

constexpr const char* kSwitch[] = {"auto", "on", "off", nullptr};
constexpr const char* kCaches[] = {"auto", "f16", "f32", "bf16", "q8_0", "q4_0", nullptr};

constexpr ib_option_info kOptions[] = {
    {"flash_attention", IB_OPTION_CHOICE, 0, "auto", 0, 0, kSwitch, "llama.cpp's fused attention"},
    {"kv", IB_OPTION_CHOICE, 0, "auto", 0, 0, kCaches, "type of the KV cache; auto: f32 for f32, else f16"},
    {"batch", IB_OPTION_INT, 0, "2048", 1, 65536, nullptr, "most tokens of one llama_decode"},
    {"ubatch", IB_OPTION_INT, 0, "512", 1, 65536, nullptr, "most tokens that are computed at once"},
    {"repack", IB_OPTION_BOOL, 0, "true", 0, 0, nullptr,
     "interleave rows of quantized weights where the CPU gains by it"},
    {"gpu_layers", IB_OPTION_INT, 0, "-1", -1, 65536, nullptr, "layers on the GPU, if the device is one; -1: all"},
};

}  // namespace

extern "C" IB_EXPORT constinit const ib_backend inferbench_backend_v1 =
    inferbench::make_table<Context, Model, Session>({
        .name = "llama_cpp",
        .version = INFERBENCH_VERSION,
        .build = INFERBENCH_BUILD,
        .license = "Apache-2.0",
        .doc = "llama.cpp: its graphs, its quantized formats, its settings as options",
        .flags = IB_FLAG_WHOLE_FAMILIES,
        .features = inferbench::llama_cpp::kFeatures,
        .precisions = kPrecisions,
        .options = kOptions,
        .devices = inferbench::llama_cpp::devices,
    });
