// SPDX-License-Identifier: Apache-2.0
// One rule per IB_FEATURE_*: a backend that declares it computes it. A backend that does not is not asked.
#include <fmt/format.h>

#include <algorithm>

#include "conformance/rules.hpp"
#include "inferbench/decoder.hpp"
#include "reference/decoder.hpp"

namespace inferbench::conformance {

namespace {

// All positions in one call; then a prompt, and one token at a time. Rows of one token often have kernels of their own.
void expect_model(Check& check, const NamedConfig& named) {
  constexpr std::size_t kPrompt = 40;
  constexpr std::size_t kDecoded = 64;
  TestModel weights(named.config);
  const auto ids = test_tokens(static_cast<std::size_t>(named.config.max_positions), 1, named.config.vocab_size);
  const Candidate model(check.subject(), weights.desc());
  const auto expected = reference::Decoder(weights.desc()).logits(ids);
  check.expect_logits(expected, Session(model).all_logits(0, ids), named.name, {model.vocab()});

  const Session session(model);
  session.all_logits(0, part(ids, 0, kPrompt));
  std::vector<float> found;
  for (std::size_t i = kPrompt; i < kDecoded; ++i) {
    const auto row = session.last_logits(0, part(ids, i, i + 1));
    found.insert(found.end(), row.begin(), row.end());
  }
  const auto vocab = static_cast<std::size_t>(model.vocab());
  check.expect_logits(std::span(expected).subspan(kPrompt * vocab, (kDecoded - kPrompt) * vocab), found,
                      named.name + ", one token at a time", {model.vocab(), static_cast<std::int32_t>(kPrompt)});
}

template <std::uint64_t feature>
void computes(Check& check) {
  for (const NamedConfig& named : configs_with(feature, check.subject().features())) expect_model(check, named);
}

template <std::uint64_t feature>
std::string does_not_declare(const Subject& subject) {
  if ((subject.features() & feature) != 0) return {};
  const auto known = std::find_if(decoder::kFeatureNames.begin(), decoder::kFeatureNames.end(),
                                  [](const decoder::FeatureName& name) { return name.feature == feature; });
  return fmt::format("the table does not declare {}", known->name);
}

template <std::uint64_t feature>
constexpr Rule rule_of(const char* name, const char* text) {
  return {name, text, computes<feature>, does_not_declare<feature>};
}

constexpr Rule kFeatureRules[] = {
    rule_of<IB_FEATURE_LAYER_NORM>("features.layer_norm", "layer norms subtract the mean and add a bias"),
    rule_of<IB_FEATURE_RMS_NORM>("features.rms_norm", "RMS norms divide by the root mean square"),
    rule_of<IB_FEATURE_LEARNED_POSITIONS>("features.learned_positions", "the position embedding is added"),
    rule_of<IB_FEATURE_ROTARY>("features.rotary", "queries and keys are rotated by halves, by each layer's table"),
    rule_of<IB_FEATURE_GROUPED_HEADS>("features.grouped_heads", "consecutive query heads share a key-value head"),
    rule_of<IB_FEATURE_FREE_HEAD_DIM>("features.free_head_dim", "heads may be larger or smaller than hidden / heads"),
    rule_of<IB_FEATURE_PLAIN_MLP>("features.plain_mlp", "an MLP of two products"),
    rule_of<IB_FEATURE_GATED_MLP>("features.gated_mlp", "an MLP whose gate multiplies its inner values"),
    rule_of<IB_FEATURE_LINEAR_BIAS>("features.linear_bias", "each bias is added where the model has it"),
    rule_of<IB_FEATURE_QK_NORM>("features.qk_norm", "each head of queries and keys is normalized before rotation"),
    rule_of<IB_FEATURE_POST_NORM>("features.post_norm", "attention and MLP are normalized before they are added"),
    rule_of<IB_FEATURE_WINDOW>("features.window", "tokens attend to the nearest positions of each layer's window"),
    rule_of<IB_FEATURE_ATTENTION_SOFT_CAP>("features.attention_soft_cap", "attention scores are capped after scaling"),
    rule_of<IB_FEATURE_LOGIT_SOFT_CAP>("features.logit_soft_cap", "logits are capped"),
    rule_of<IB_FEATURE_EMBEDDING_SCALE>("features.embedding_scale", "token embeddings are scaled"),
    rule_of<IB_FEATURE_GELU_TANH>("features.gelu_tanh", "the activation may be GELU by tanh (gelu_new)"),
    rule_of<IB_FEATURE_GELU_ERF>("features.gelu_erf", "the activation may be GELU by erf (gelu)"),
    rule_of<IB_FEATURE_RELU>("features.relu", "the activation may be ReLU"),
    rule_of<IB_FEATURE_SILU>("features.silu", "the activation may be SiLU"),
};
static_assert(std::size(kFeatureRules) == decoder::kFeatureNames.size());

}  // namespace

std::span<const Rule> feature_rules() {
  return kFeatureRules;
}

}  // namespace inferbench::conformance
