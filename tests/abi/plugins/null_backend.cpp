// SPDX-License-Identifier: Apache-2.0
//
// A backend that does nothing: forward checks its arguments, counts tokens and returns id 0 and logits 0. A run of it
// measures the cost of the host and the ABI. It is written with backend.hpp and shows how short a backend can be.
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
      : host(context.host), max_positions(params.desc->max_positions), vocab_size(params.desc->vocab_size) {
    for (int i = 0; i <= 10; ++i) {
      host.progress(i / 10.0);
      host.throw_if_cancelled();
    }
  }
  const ib_model_info& info() const { return info_; }

  const inferbench::HostCalls host;
  const std::int32_t max_positions;
  const std::int32_t vocab_size;

 private:
  ib_model_info info_{sizeof(ib_model_info), 0, 0, "cpu", "none"};
};

class Session {
 public:
  Session(Model& model, const ib_session_params& params)
      : host_(model.host),
        lengths_(inferbench::checked_session_limits(params, model.max_positions, model.vocab_size)),
        plan_(lengths_.limits(), 512) {}
  const ib_session_info& info() const { return info_; }

  void forward(const ib_forward_params& params) {
    lengths_.check(params);
    host_.throw_if_cancelled();
    const std::int64_t vocab_size = lengths_.limits().vocab_size;
    plan_.begin(params, lengths_.held());
    while (plan_.next()) {
      for (const inferbench::PassOutput& output : plan_.outputs()) {
        if (output.greedy) {
          params.ids[output.index] = 0;
        } else {
          std::fill_n(params.logits + output.index * vocab_size, vocab_size, 0.0F);
        }
      }
    }
    lengths_.advance(params);
  }

  void truncate(std::int32_t slot, std::int32_t n_past) { lengths_.truncate(slot, n_past); }

 private:
  inferbench::HostCalls host_;
  inferbench::SlotLengths lengths_;
  inferbench::PassPlan plan_;
  ib_session_info info_{sizeof(ib_session_info), 0, 0, 0, 0};
};

constexpr ib_precision_info kPrecisions[] = {{"none", "no weights are read", 32, 0}};

}  // namespace

extern "C" IB_EXPORT constinit const ib_backend inferbench_backend_v1 =
    inferbench::make_table<Context, Model, Session>({
        .name = "null",
        .version = "1.0.0",
        .build = "C++20, " __VERSION__,
        .license = "Apache-2.0",
        .doc = "does nothing; measures what the host costs",
        .flags = IB_FLAG_CONCURRENT_SESSIONS,
        .features = IB_FEATURES_GPT2 | IB_FEATURES_LLAMA | IB_FEATURES_GEMMA,  // it runs no model, so it accepts any
        .precisions = kPrecisions,
    });
