// SPDX-License-Identifier: Apache-2.0
// The backend's table.
#include <cstring>

#include "engine/model.hpp"
#include "engine/operator.hpp"
#include "engine/session.hpp"
#include "inferbench/backend.hpp"
#include "inferbench/op_bench.hpp"
#include "options.hpp"

namespace inferbench::cpu_quant {
namespace {

constexpr ib_precision_info kPrecisions[] = {
    {"int8", "weights int8, scales per channel and 32 inputs; activations int8 per 32; integer products, f32 sums", 8,
     1},
    {"int4", "linear weights 4 bits, scales per channel and 16 inputs, head int8 or int5; activations int8 per 32", 4,
     1},
};

#if defined(__clang__)
constexpr char kCompiler[] = "clang++ " __clang_version__;
#else
constexpr char kCompiler[] = "g++ " __VERSION__;
#endif

using Functions = BackendFunctions<Context, Model, Session>;

ib_status profile_start(ib_session* session, std::uint64_t capacity, ib_error* error) noexcept {
  return guard(error, [&] {
    require(session != nullptr, "null argument");
    Functions::object(session)->profile().start(capacity);
  });
}

ib_status profile_stop(ib_session* session, const ib_profile_event** events, std::uint64_t* n_events,
                       std::uint64_t* n_dropped, ib_error* error) noexcept {
  return guard(error, [&] {
    require(session != nullptr && events != nullptr && n_events != nullptr && n_dropped != nullptr, "null argument");
    Profile& profile = Functions::object(session)->profile();
    profile.stop();
    *events = profile.events().data();
    *n_events = profile.events().size();
    *n_dropped = profile.n_dropped();
  });
}

constexpr ib_profile_ext kProfile = {sizeof(ib_profile_ext), profile_start, profile_stop};

const void* extension(const char* name) noexcept {
  if (name != nullptr && std::strcmp(name, IB_EXT_PROFILE_V1) == 0) return &kProfile;
  return op_bench_extension<Context, Operator>(name);
}

constexpr BackendDescription kDescription = {
    .name = "cpu_quant",
    .version = CPU_QUANT_VERSION,
    .build = kCompiler,
    .license = "Apache-2.0",
    .doc = "int8 or int4 weights and int8 activations, parallel with oneTBB",
    .features = IB_FEATURES_GPT2 | IB_FEATURES_LLAMA | IB_FEATURES_GEMMA,
    .precisions = kPrecisions,
    .options = kOptionSchema,
    .extension = extension,
};

}  // namespace
}  // namespace inferbench::cpu_quant

extern "C" IB_EXPORT constinit const ib_backend inferbench_backend_v1 =
    inferbench::make_table<inferbench::cpu_quant::Context, inferbench::cpu_quant::Model,
                           inferbench::cpu_quant::Session>(inferbench::cpu_quant::kDescription);
