// SPDX-License-Identifier: Apache-2.0
// The backend's table.
#include <cstring>
#include <iterator>

#include "engine/model.hpp"
#include "engine/operator.hpp"
#include "engine/session.hpp"
#include "inferbench/backend.hpp"
#include "inferbench/op_bench.hpp"
#include "options.hpp"

namespace inferbench::cpu_quant {
namespace {

constexpr ib_precision_info kPrecisions[] = {
    {"int8", "weights int8, scales per channel and 32 inputs; activations int8 per 32; integer products, f32 sums"},
    {"int4", "linear weights 4 bits, scales per channel and 16 inputs, head as int8; activations int8 per 32"},
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

constexpr ib_op_bench_ext kOpBench = op_bench_table<Context, Operator>();

const void* extension(const char* name) noexcept {
  if (is_op_bench(name)) return &kOpBench;
  return name != nullptr && std::strcmp(name, IB_EXT_PROFILE_V1) == 0 ? &kProfile : nullptr;
}

}  // namespace
}  // namespace inferbench::cpu_quant

using inferbench::cpu_quant::Functions;

extern "C" IB_EXPORT const ib_backend inferbench_backend_v1 = {
    IB_BACKEND_HEADER,
    "cpu_quant",
    CPU_QUANT_VERSION,
    inferbench::cpu_quant::kCompiler,
    "Apache-2.0",
    "GPT-2 on int8 or int4 weights and int8 activations, parallel with oneTBB",
    0,
    inferbench::cpu_quant::kPrecisions,
    std::size(inferbench::cpu_quant::kPrecisions),
    inferbench::cpu_quant::option_schema(),
    inferbench::cpu_quant::n_options(),
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
    inferbench::cpu_quant::extension,
};
