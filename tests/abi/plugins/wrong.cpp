// SPDX-License-Identifier: Apache-2.0
//
// The reference backend with one fault, named by option `fault`, which the checks of numbers and of the contract must
// find. Everything else is the reference's code.
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "altered_description.hpp"
#include "inferbench/backend.hpp"
#include "model.hpp"
#include "session.hpp"

namespace {

namespace ref = inferbench::cpu_ref;
using inferbench::Failure;

struct Context {
  explicit Context(const ib_init_params& params) : deaf(*params.host), context(params) { deaf.is_cancelled = nullptr; }

  /// Returns the reference's context. With the fault "deaf", its host never reports a cancellation.
  ref::Context& prepared(std::string_view fault) {
    if (fault == "deaf") context.host = inferbench::HostCalls(&deaf);
    return context;
  }

  ib_host deaf;
  ref::Context context;
};

void bind_to_first_cpu() {
  cpu_set_t set;
  sched_getaffinity(0, sizeof(set), &set);
  std::size_t first = 0;
  while (first < CPU_SETSIZE - 1 && CPU_ISSET(first, &set) == 0) ++first;
  CPU_ZERO(&set);
  CPU_SET(first, &set);
  sched_setaffinity(0, sizeof(set), &set);
}

void quick_gelu(float* x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) x[i] = x[i] / (1 + std::exp(-1.702F * x[i]));
}

// Copies x if there is no weight.
void layer_norm_or_copy(const float* x, const float* weight, const float* bias, std::int64_t n, float epsilon,
                        float* y) {
  if (weight == nullptr) {
    std::copy(x, x + n, y);
  } else {
    ref::generic::kKernels.layer_norm(x, weight, bias, n, epsilon, y);
  }
}
void rms_norm_or_copy(const float* x, const float* weight, std::int64_t n, float epsilon, float* y) {
  if (weight == nullptr) {
    std::copy(x, x + n, y);
  } else {
    ref::generic::kKernels.rms_norm(x, weight, n, epsilon, y);
  }
}

struct Model {
  Model(Context& context, const ib_model_params& params)
      : fault(inferbench::OptionReader(params).text("fault")),
        model(context.prepared(fault), inferbench::AlteredDescription(params, fault).params()) {
    info_ = model.info();
    kernels = *model.engine.kernels;
    model.engine.kernels = &kernels;
    if (fault == "quick_gelu") kernels.gelu_tanh = quick_gelu;
    if (fault == "no_final_norm") {
      kernels.layer_norm = layer_norm_or_copy;
      kernels.rms_norm = rms_norm_or_copy;
      model.final_norm.weight = nullptr;
    }
    if (fault == "memory_report") info_.weights_bytes = info_.decode_weights_bytes = 1000;
    if (fault == "leaks") std::memset(std::malloc(kLeak), 1, kLeak);
    if (fault == "affinity") bind_to_first_cpu();  // NOLINT(clang-analyzer-unix.Malloc): the leak before is the fault
    if (fault == "more_threads") {
      more = std::thread([this] {
        while (!done) usleep(100);
      });
    }
  }
  ~Model() {
    done = true;
    if (more.joinable()) more.join();
  }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  const ib_model_info& info() const { return info_; }

  static constexpr std::size_t kLeak = std::size_t{64} << 10U;
  std::string fault;
  ref::Model model;
  ref::Kernels kernels{};
  std::atomic<bool> done{false};
  std::thread more;

 private:
  ib_model_info info_{};
};

/// Keys and values of one position, for every layer and key-value head.
class StalePosition {
 public:
  StalePosition(const ref::Session& session, std::int64_t slot, std::int64_t position)
      : slot_(slot), position_(position) {
    each(session, [&](const float* key, const float* value, std::int64_t head_dim) {
      for (std::int64_t d = 0; d < head_dim; ++d) floats_.push_back(key[d * ref::kPanel]);
      for (std::int64_t d = 0; d < head_dim; ++d) {
        floats_.push_back(value[d % ref::kPanel + d / ref::kPanel * session.lengths.limits().max_tokens * ref::kPanel]);
      }
    });
  }

  std::int64_t slot() const { return slot_; }
  std::int64_t position() const { return position_; }

  void put_back(const ref::Session& session) const {
    const float* next = floats_.data();
    const ref::Shape& shape = session.model.shape;
    for (std::int64_t layer = 0; layer < shape.n_layers; ++layer) {
      for (std::int64_t head = 0; head < shape.n_kv_heads; ++head) {
        session.cache.store(slot_, layer, head, position_, next, next + shape.head_dim);
        next += 2 * shape.head_dim;
      }
    }
  }

 private:
  template <typename Function>
  void each(const ref::Session& session, Function function) const {
    const ref::Shape& shape = session.model.shape;
    for (std::int64_t layer = 0; layer < shape.n_layers; ++layer) {
      for (std::int64_t head = 0; head < shape.n_kv_heads; ++head) {
        function(session.cache.key_panel(slot_, layer, head, position_ / ref::kPanel) + position_ % ref::kPanel,
                 session.cache.value_panel(slot_, layer, head, 0) + position_ * ref::kPanel, shape.head_dim);
      }
    }
  }

  std::int64_t slot_;
  std::int64_t position_;
  std::vector<float> floats_;
};

class Session {
 public:
  Session(Model& model, const ib_session_params& params)
      : fault_(model.fault), model_(model.model), session_(model.model, params) {}
  const ib_session_info& info() const { return session_.info(); }

  void forward(const ib_forward_params& given) {
    ib_forward_params params = given;
    std::vector<ib_sequence> sequences;
    std::list<std::vector<std::int32_t>> tokens;
    if (fault_ == "crashes") std::abort();
    if (fault_ == "short_buffers") params.logits_capacity = params.ids_capacity = UINT64_MAX;
    if (fault_ == "any_token" && params.sequences != nullptr) {
      sequences.assign(params.sequences, params.sequences + std::max(params.n_sequences, 0));
      for (ib_sequence& sequence : sequences) replace_bad_tokens(sequence, tokens);
      params.sequences = sequences.data();
    }
    if (fault_ == "prints") static_cast<void>(!write(STDOUT_FILENO, "computing\n", 10));
    // If a sequence of the call already holds 32 tokens, all positions of the call are one too high.
    float* const positions = model_.position_embedding;
    if (fault_ == "late_after_32" && positions != nullptr && has_past(params, 32)) {
      model_.position_embedding += model_.shape.hidden_size;
    }
    try {
      session_.forward(params);
    } catch (...) {
      model_.position_embedding = positions;
      throw;
    }
    model_.position_embedding = positions;
    for (const StalePosition& stale : stale_) {
      if (session_.lengths[static_cast<std::int32_t>(stale.slot())] > stale.position()) stale.put_back(session_);
    }
    std::erase_if(stale_, [&](const StalePosition& stale) {
      return session_.lengths[static_cast<std::int32_t>(stale.slot())] > stale.position();
    });
    spoil(params);
  }

  void truncate(std::int32_t slot, std::int32_t n_past) {
    inferbench::check_truncate(slot, n_past, session_.lengths.held());
    const std::int32_t held = session_.lengths[slot];
    if (fault_ == "stale_kv" && n_past < held) stale_.emplace_back(session_, slot, n_past);
    session_.truncate(slot, n_past);
  }

 private:
  // Replaces invalid tokens by token 0; `rooms` owns the replaced sequences.
  void replace_bad_tokens(ib_sequence& sequence, std::list<std::vector<std::int32_t>>& rooms) const {
    if (sequence.tokens == nullptr || sequence.n_tokens < 1) return;
    const auto is_bad = [&](std::int32_t token) { return token < 0 || token >= session_.lengths.limits().vocab_size; };
    if (std::none_of(sequence.tokens, sequence.tokens + sequence.n_tokens, is_bad)) return;
    std::vector<std::int32_t>& room = rooms.emplace_back(sequence.tokens, sequence.tokens + sequence.n_tokens);
    std::replace_if(room.begin(), room.end(), is_bad, 0);
    sequence.tokens = room.data();
  }

  bool has_past(const ib_forward_params& params, std::int32_t least) const {
    if (params.sequences == nullptr) return false;
    return std::any_of(params.sequences, params.sequences + std::max(params.n_sequences, 0), [&](const auto& sequence) {
      return sequence.slot >= 0 && sequence.slot < session_.lengths.limits().n_slots &&
             session_.lengths[sequence.slot] >= least;
    });
  }

  void spoil(const ib_forward_params& params) {
    const auto vocab_size = static_cast<std::size_t>(session_.lengths.limits().vocab_size);
    const std::span sequences(params.sequences, static_cast<std::size_t>(params.n_sequences));
    const auto wants = [](std::int32_t output) {
      return [output](const ib_sequence& sequence) { return sequence.output == output; };
    };
    const auto n_ids = static_cast<std::size_t>(std::ranges::count_if(sequences, wants(IB_OUTPUT_GREEDY)));
    const bool last = std::ranges::all_of(sequences, wants(IB_OUTPUT_LAST_LOGITS));
    const bool has_logits = last || std::ranges::any_of(sequences, wants(IB_OUTPUT_ALL_LOGITS));
    if (fault_ == "greedy_highest" && n_ids == 1) params.ids[0] = highest(vocab_size);
    if (fault_ == "overflow" && n_ids > 0 && params.ids_capacity > n_ids) params.ids[n_ids] = 0;
    if (fault_ == "neighbours" && last && sequences.size() > 1) {
      params.logits[0] += 1e-4F * static_cast<float>(sequences[1].tokens[0]);
    }
    if (fault_ == "not_a_number" && has_logits) params.logits[vocab_size - 1] = std::numeric_limits<float>::quiet_NaN();
  }

  // The highest id with the largest logit. For greedy, the reference keeps the logits in its scratch memory.
  std::int32_t highest(std::size_t vocab_size) const {
    const float* row = session_.logits.row(0);
    std::size_t best = 0;
    for (std::size_t i = 1; i < vocab_size; ++i) best = row[i] >= row[best] ? i : best;
    return static_cast<std::int32_t>(best);
  }

  std::string fault_;
  ref::Model& model_;
  ref::Session session_;
  std::vector<StalePosition> stale_;
};

using Functions = inferbench::BackendFunctions<Context, Model, Session>;

std::string_view fault_of(const ib_model_params& params) {
  return inferbench::OptionReader(params).text("fault");
}

ib_status model_create(ib_context* context, const ib_model_params* params, ib_model** model, ib_error* error) {
  const ib_status status = Functions::model_create(context, params, model, error);
  // params may be invalid, so read it only after these checks.
  const bool silent =
      status != IB_OK && params != nullptr && params->n_options > 0 && fault_of(*params) == "silent_refusal";
  if (silent) std::memset(error->message, '?', sizeof(error->message));
  return status;
}

constexpr ib_precision_info kPrecisions[] = {{"fp32", "as the reference", 32, 0}};
constexpr const char* kIsaChoices[] = {"auto", "generic", nullptr};
constexpr ib_option_info kOptions[] = {
    {"fault", IB_OPTION_TEXT, 0, "none", 0, 0, nullptr, "what is wrong; see the tests"},
    {"isa", IB_OPTION_CHOICE, 0, "auto", 0, 0, kIsaChoices, "as the reference's"},
};

constexpr ib_backend wrong_table() {
  ib_backend table = inferbench::make_table<Context, Model, Session>({
      .name = "wrong",
      .version = "1.0.0",
      .build = "test",
      .license = "Apache-2.0",
      .doc = "the reference with one thing wrong",
      .features = IB_FEATURES_GPT2 | IB_FEATURES_LLAMA | IB_FEATURES_GEMMA,
      .precisions = kPrecisions,
      .options = kOptions,
  });
  table.model_create = model_create;
  return table;
}

}  // namespace

extern "C" IB_EXPORT constinit const ib_backend inferbench_backend_v1 = wrong_table();
