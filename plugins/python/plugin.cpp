// SPDX-License-Identifier: Apache-2.0
// The table of the Python backend. Precisions are those that a module may have; the module says which it has.
#include "model.hpp"
#include "session.hpp"

namespace {

using inferbench::python::Context;
using inferbench::python::Model;
using inferbench::python::Session;

constexpr ib_precision_info kPrecisions[] = {
    {"fp32", "as the module says, with weights of 32 bits", 32, 0},
    {"bf16", "as the module says, with weights of 16 bits (bfloat16)", 16, 0},
    {"fp16", "as the module says, with weights of 16 bits (binary16)", 16, 0},
    {"int8", "as the module says, with weights of 8 bits", 8, 0},
    {"int4", "as the module says, with weights of 4 bits", 4, 0},
};

constexpr ib_option_info kOptions[] = {
    {"module", IB_OPTION_TEXT, 0, "", 0, 0, nullptr,
     "what has the class Backend: a .py file or a folder (seen from the current folder), or an importable name"},
    {"args", IB_OPTION_TEXT, 0, "", 0, 0, nullptr, "KEY=VALUE ... for the module"},
};

}  // namespace

extern "C" IB_EXPORT constinit const ib_backend inferbench_backend_v1 =
    inferbench::make_table<Context, Model, Session>({
        .name = "python",
        .version = INFERBENCH_VERSION,
        .build = INFERBENCH_BUILD,
        .license = "Apache-2.0",
        .doc = "runs a class written in Python, in an embedded interpreter; see docs/python_backend.md",
        // Whatever the module has: what it lacks is found when it loads a model.
        .features = IB_FEATURES_GPT2 | IB_FEATURES_LLAMA | IB_FEATURES_GEMMA,
        .precisions = kPrecisions,
        .options = kOptions,
    });
