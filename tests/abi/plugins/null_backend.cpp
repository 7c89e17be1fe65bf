// SPDX-License-Identifier: Apache-2.0
//
// A backend that does nothing: forward checks its arguments, counts tokens and returns id 0 and logits 0. A run of it
// measures the cost of the host and the ABI. It is written with backend.hpp and shows how short a backend can be.
#include <algorithm>
#include <vector>

#include "inferbench/backend.hpp"

namespace {

struct Context {
  explicit Context(const ib_init_params& params) : host(params.host) {}
  inferbench::HostCalls host;
};

class Model {
 public:
  Model(Context& context, const ib_model_params& params)
      : host(context.host), context_size(params.desc->context), vocab(params.desc->vocab) {
    for (int i = 0; i <= 10; ++i) {
      host.progress(i / 10.0);
      host.throw_if_cancelled();
    }
  }
  const ib_model_info& info() const { return info_; }

  const inferbench::HostCalls host;
  const std::int32_t context_size;
  const std::int32_t vocab;

 private:
  ib_model_info info_{sizeof(ib_model_info), 0, 0, "cpu", "none"};
};

class Session {
 public:
  Session(Model& model, const ib_session_params& params)
      : host_(model.host),
        limits_(inferbench::checked_session_limits(params, model.context_size, model.vocab)),
        held_(static_cast<std::size_t>(limits_.n_slots), 0) {}
  const ib_session_info& info() const { return info_; }

  void forward(const ib_forward_params& params) {
    const std::int64_t n_tokens = inferbench::check_forward(params, limits_, held_);
    host_.throw_if_cancelled();
    const auto vocab = static_cast<std::int64_t>(limits_.vocab);
    if (params.output == IB_OUTPUT_GREEDY) std::fill_n(params.ids, params.n_sequences, 0);
    if (params.output == IB_OUTPUT_LAST_LOGITS) std::fill_n(params.logits, params.n_sequences * vocab, 0.0F);
    if (params.output == IB_OUTPUT_ALL_LOGITS) std::fill_n(params.logits, n_tokens * vocab, 0.0F);
    for (std::int32_t i = 0; i < params.n_sequences; ++i) {
      held_[static_cast<std::size_t>(params.sequences[i].slot)] += params.sequences[i].n_tokens;
    }
  }

  void truncate(std::int32_t slot, std::int32_t n_past) {
    inferbench::check_truncate(slot, n_past, held_);
    held_[static_cast<std::size_t>(slot)] = n_past;
  }

 private:
  inferbench::HostCalls host_;
  inferbench::SessionLimits limits_;
  std::vector<std::int32_t> held_;  // tokens per slot
  ib_session_info info_{sizeof(ib_session_info), 0, 0, 0, 0};
};

using Functions = inferbench::BackendFunctions<Context, Model, Session>;

constexpr ib_precision_info kPrecisions[] = {{"none", "no weights are read"}};

}  // namespace

extern "C" IB_EXPORT const ib_backend inferbench_backend_v1 = {IB_BACKEND_HEADER,
                                                               "null",
                                                               "1.0.0",
                                                               "C++20, " __VERSION__,
                                                               "Apache-2.0",
                                                               "does nothing; measures what the host costs",
                                                               IB_FLAG_CONCURRENT_SESSIONS,
                                                               kPrecisions,
                                                               1,
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
                                                               nullptr};
