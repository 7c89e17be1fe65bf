// SPDX-License-Identifier: Apache-2.0
#include "conformance/mistaken_backend.hpp"

#include <algorithm>

#include "inferbench/backend.hpp"
#include "inferbench/decoder.hpp"

namespace inferbench::conformance {

namespace {

// Applies the mistakes one after the other. `ids` is "" or ids separated by '+'.
std::function<void(Draft&)> mistakes_named(std::string_view ids) {
  std::vector<std::function<void(Draft&)>> all;
  while (!ids.empty()) {
    const std::string_view id = ids.substr(0, ids.find('+'));
    all.push_back(find_mistake(id).apply);
    ids.remove_prefix(std::min(id.size() + 1, ids.size()));
  }
  return [all](Draft& draft) {
    for (const auto& apply : all) apply(draft);
  };
}

struct MistakenContext {
  explicit MistakenContext(const ib_init_params& params) : host(params.host) {}
  HostCalls host;
};

struct LoadedModel {
  LoadedModel(MistakenContext& used, const ib_model_params& params)
      : host(used.host), model(*params.desc, mistakes_named(OptionReader(params).text("mistakes"))) {}
  const ib_model_info& info() const { return info_; }

  HostCalls host;
  MistakenModel model;

 private:
  ib_model_info info_{sizeof(ib_model_info), 0, 0, "cpu", "float64"};
};

class LoadedSession {
 public:
  LoadedSession(LoadedModel& loaded, const ib_session_params& params)
      : loaded_(loaded),
        lengths_(checked_session_limits(params, loaded.model.draft().desc.max_positions,
                                        loaded.model.draft().desc.vocab_size)),
        slots_(lengths_.held().size(), MistakenSequence(loaded.model)) {}
  const ib_session_info& info() const { return info_; }

  void forward(const ib_forward_params& params) {
    lengths_.check(params);
    loaded_.host.throw_if_cancelled();
    float* logits = params.logits;
    std::int32_t* ids = params.ids;
    for (std::int32_t s = 0; s < params.n_sequences; ++s) {
      const ib_sequence& sequence = params.sequences[s];
      const auto slot = static_cast<std::size_t>(sequence.slot);
      const reference::Values rows = slots_[slot].feed({sequence.tokens, static_cast<std::size_t>(sequence.n_tokens)});
      const auto last = rows.end() - lengths_.limits().vocab_size;
      if (sequence.output == IB_OUTPUT_GREEDY) {
        *ids++ = static_cast<std::int32_t>(std::max_element(last, rows.end()) - last);
      } else if (sequence.output != IB_OUTPUT_NONE) {
        const auto first = sequence.output == IB_OUTPUT_ALL_LOGITS ? rows.begin() : last;
        logits = std::transform(first, rows.end(), logits, [](double value) { return static_cast<float>(value); });
      }
    }
    lengths_.advance(params);
  }

  void truncate(std::int32_t slot, std::int32_t n_past) {
    lengths_.truncate(slot, n_past);
    slots_[static_cast<std::size_t>(slot)].truncate(n_past);
  }

 private:
  LoadedModel& loaded_;
  SlotLengths lengths_;
  std::vector<MistakenSequence> slots_;
  ib_session_info info_{sizeof(ib_session_info), 0, 0, 0, 0};
};

constexpr std::uint64_t kAllFeatures = [] {
  std::uint64_t all = 0;
  for (const decoder::FeatureName& known : decoder::kFeatureNames) all |= known.feature;
  return all;
}();

constexpr ib_precision_info kPrecisions[] = {{"fp64", "float64", 64, 0}};
constexpr ib_option_info kOptions[] = {{"mistakes", IB_OPTION_TEXT, 0, "", 0, 0, nullptr, "which ones"}};
constexpr ib_backend kMistaken = make_table<MistakenContext, LoadedModel, LoadedSession>({
    .name = "mistaken",
    .version = "1",
    .build = "",
    .license = "Apache-2.0",
    .doc = "the definition in float64, with one mistake",
    .features = kAllFeatures,
    .precisions = kPrecisions,
    .options = kOptions,
});

}  // namespace

Subject with_mistakes(const Subject& subject, const std::string& ids) {
  Subject mistaken = subject;
  mistaken.stand_in = &kMistaken;
  mistaken.options = {{"mistakes", ids}};
  return mistaken;
}

}  // namespace inferbench::conformance
