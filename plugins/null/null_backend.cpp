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
        lengths_(inferbench::checked_session_limits(params, model.max_positions, model.vocab_size)) {}
  const ib_session_info& info() const { return info_; }

  void forward(const ib_forward_params& params) {
    lengths_.check(params);
    host_.throw_if_cancelled();
    std::int64_t n_rows = 0;
    std::int64_t n_ids = 0;
    for (std::int32_t i = 0; i < params.n_sequences; ++i) {
      const ib_sequence& sequence = params.sequences[i];
      if (sequence.output == IB_OUTPUT_GREEDY) ++n_ids;
      if (sequence.output == IB_OUTPUT_LAST_LOGITS) ++n_rows;
      if (sequence.output == IB_OUTPUT_ALL_LOGITS) n_rows += sequence.n_tokens;
    }
    std::fill_n(params.ids, n_ids, 0);
    std::fill_n(params.logits, n_rows * lengths_.limits().vocab_size, 0.0F);
    lengths_.advance(params);
  }

  void truncate(std::int32_t slot, std::int32_t n_past) { lengths_.truncate(slot, n_past); }

 private:
  inferbench::HostCalls host_;
  inferbench::SlotLengths lengths_;
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
        // Whatever a model needs: it computes none of it.
        .features = IB_FEATURES_GPT2 | IB_FEATURES_LLAMA | IB_FEATURES_GEMMA,
        .precisions = kPrecisions,
    });
