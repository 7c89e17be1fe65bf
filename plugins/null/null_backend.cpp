// SPDX-License-Identifier: Apache-2.0
//
// The backend that does nothing: forward checks its arguments, counts tokens and returns ids 0 and logits 0. What a run
// of it costs is what the host and the ABI cost. Written over backend.hpp, so it also shows how short that makes a
// backend.
#include <algorithm>

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
      : host_(model.host), lengths_(inferbench::checked_session_limits(params, model.context_size, model.vocab)) {}
  const ib_session_info& info() const { return info_; }

  void forward(const ib_forward_params& params) {
    const std::int64_t n_tokens = lengths_.check(params);
    host_.throw_if_cancelled();
    const auto vocab = static_cast<std::int64_t>(lengths_.limits().vocab);
    if (params.output == IB_OUTPUT_GREEDY) std::fill_n(params.ids, params.n_sequences, 0);
    if (params.output == IB_OUTPUT_LAST_LOGITS) std::fill_n(params.logits, params.n_sequences * vocab, 0.0F);
    if (params.output == IB_OUTPUT_ALL_LOGITS) std::fill_n(params.logits, n_tokens * vocab, 0.0F);
    lengths_.advance(params);
  }

  void truncate(std::int32_t slot, std::int32_t n_past) { lengths_.truncate(slot, n_past); }

 private:
  inferbench::HostCalls host_;
  inferbench::SlotLengths lengths_;
  ib_session_info info_{sizeof(ib_session_info), 0, 0, 0, 0};
};

constexpr ib_precision_info kPrecisions[] = {{"none", "no weights are read"}};

}  // namespace

extern "C" IB_EXPORT constinit const ib_backend inferbench_backend_v1 =
    inferbench::make_table<Context, Model, Session>({
        .name = "null",
        .version = "1.0.0",
        .build = "C++20, " __VERSION__,
        .license = "Apache-2.0",
        .doc = "does nothing; measures what the host costs",
        .flags = IB_FLAG_CONCURRENT_SESSIONS,
        .precisions = kPrecisions,
    });
