// SPDX-License-Identifier: Apache-2.0
// The table of the oneDNN backend: what it offers, and the ABI's functions.
#include "context.hpp"
#include "inferbench/op_bench.hpp"
#include "model.hpp"
#include "operator.hpp"
#include "session.hpp"

namespace {

using inferbench::onednn::Context;
using inferbench::onednn::Model;
using inferbench::onednn::Operator;
using inferbench::onednn::Session;

constexpr ib_precision_info kPrecisions[] = {
    {"fp32", "weights, activations, KV cache and sums in IEEE binary32", 32, 0},
    {"int8",
     "weights in 8 bits with a scale per output channel, activations in 8 bits (7 "
     "where the CPU has no VNNI) with a scale per token, sums in 32-bit integers; attention and KV cache in fp32",
     8, 1},
};

}  // namespace

extern "C" IB_EXPORT constinit const ib_backend inferbench_backend_v1 =
    inferbench::make_table<Context, Model, Session>({
        .name = "onednn",
        .version = INFERBENCH_VERSION,
        .build = INFERBENCH_BUILD,
        .license = "Apache-2.0",
        .doc =
            "decoders on oneDNN's primitives; sessions share its stream, so that only one may be in a call at a time",
        .features = inferbench::onednn::kFeatures,
        .precisions = kPrecisions,
        .extension = inferbench::op_bench_extension<Context, Operator>,
    });
