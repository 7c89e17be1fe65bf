// SPDX-License-Identifier: Apache-2.0
#include "conformance/cases.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "model/synthetic_formula.hpp"

namespace inferbench::conformance {

namespace {

constexpr std::uint64_t kSeed = 31;

float uniform(std::uint64_t stream, std::size_t i) {
  return static_cast<float>(synthetic_bits(stream, i) >> 40U) * 0x1p-24F;
}

// ---- exact weights ----

// Value i of a matrix in which each output channel has one sign and all values have one magnitude or are 0. Linear
// weights are [in, out]; embeddings are [rows, width] with one row per channel.
float exact_value(const ib_tensor& tensor, std::uint64_t stream, std::size_t i, float magnitude, double density) {
  const auto columns = static_cast<std::size_t>(tensor.shape[1]);
  const bool is_linear = std::string_view(tensor.name).starts_with("h.");
  const std::size_t channel = is_linear ? i % columns : i / columns;
  const float sign = synthetic_bits(stream + 1, channel) % 2 == 0 ? 1.0F : -1.0F;
  return uniform(stream, i) < density ? sign * magnitude : 0.0F;
}

void make_exact(TestModel& model) {
  constexpr float kSteps = 16;  // vectors are multiples of 1/16
  for (const ib_tensor& tensor : model.tensors()) {
    const std::string name = tensor.name;
    const std::uint64_t stream = synthetic_stream(name, kSeed);
    if (tensor.rank == 1) {
      model.assign(name, [&](std::size_t, float old) { return std::round(old * kSteps) / kSteps; });
      continue;
    }
    // About 32 nonzero inputs per channel, so that sums stay as large as with few inputs.
    const bool is_linear = name.starts_with("h.");
    const double density = is_linear ? std::min(0.5, 32.0 / static_cast<double>(tensor.shape[0])) : 0.5;
    const float magnitude = name == "wte.weight" || name == "lm_head.weight" ? 0.5F : 0.25F;
    model.assign(name, [&](std::size_t i, float) { return exact_value(tensor, stream, i, magnitude, density); });
  }
}

// ---- what cases switch off ----

void clear_block(TestModel& model, const std::string& block) {
  model.clear(block + ".c_proj.weight");
  model.clear(block + ".c_proj.bias");
}

void no_blocks(TestModel& model) {
  for (const char* block : {"h.0.attn", "h.0.mlp", "h.1.attn", "h.1.mlp"}) clear_block(model, block);
}
void only_attention_0(TestModel& model) {
  for (const char* block : {"h.0.mlp", "h.1.attn", "h.1.mlp"}) clear_block(model, block);
}
void only_mlp_0(TestModel& model) {
  for (const char* block : {"h.0.attn", "h.1.attn", "h.1.mlp"}) clear_block(model, block);
}
void only_attention_1(TestModel& model) {
  for (const char* block : {"h.0.attn", "h.0.mlp", "h.1.mlp"}) clear_block(model, block);
}
void only_mlp_1(TestModel& model) {
  for (const char* block : {"h.0.attn", "h.0.mlp", "h.1.attn"}) clear_block(model, block);
}
// Queries and keys are 0: every token attends evenly to all that it sees.
void even_attention(TestModel& model) {
  const auto width = static_cast<std::size_t>(model.config().width);
  for (const char* name : {"h.0.attn.c_attn.weight", "h.0.attn.c_attn.bias"}) {
    model.assign(name, [&](std::size_t i, float old) { return i % (3 * width) < 2 * width ? 0.0F : old; });
  }
}
void small_scores(TestModel& model) {
  for (const char* layer : {"h.0", "h.1"}) {
    for (const char* name : {".attn.c_attn.weight", ".attn.c_attn.bias"}) {
      model.assign(std::string(layer) + name, [](std::size_t, float old) { return old / 2; });
    }
  }
}
// So small that the epsilon of 1e-5 matters as much as the variance.
void small_embeddings(TestModel& model) {
  for (const char* name : {"wte.weight", "wpe.weight"}) {
    model.assign(name, [](std::size_t, float old) { return old / 256; });
  }
}
// Every MLP activation is activation(-2.75), where the two GELUs differ by 6% and the others by more. The bias of the
// projection cancels most of what they have in common. Rounding of inputs and weights plays no part.
void constant_activation(TestModel& model) {
  only_mlp_0(model);
  model.clear("h.0.mlp.c_fc.weight");
  model.assign("h.0.mlp.c_fc.bias", [](std::size_t, float) { return -2.75F; });
  const auto width = static_cast<std::size_t>(model.config().width);
  const auto sign = [=](std::size_t i) { return synthetic_bits(kSeed, i % width) % 2 == 0 ? 1.0F : -1.0F; };
  model.assign("h.0.mlp.c_proj.weight", [=](std::size_t i, float) { return 2 * sign(i); });
  model.assign("h.0.mlp.c_proj.bias", [=](std::size_t i, float) { return 4 * sign(i); });
}
// Normalized values are 1 and -1. The norm's weight and bias map them to 1 and -1 again (64 - 63). If the variance is
// divided by width - 1, only half of that remains.
void exact_variance(TestModel& model) {
  no_blocks(model);
  const auto width = static_cast<std::size_t>(model.config().width);
  const auto is_high = [=](std::size_t i) { return i % width % 4 < 2; };
  model.clear("wpe.weight");
  model.assign("wte.weight", [=](std::size_t i, float) { return is_high(i) ? 1.0F : 0.0F; });
  model.assign("ln_f.weight", [](std::size_t, float) { return 64.0F; });
  model.assign("ln_f.bias", [=](std::size_t i, float) { return is_high(i) ? -63.0F : 63.0F; });
}

// ---- the cases ----

ModelConfig with(void (*change)(ModelConfig&)) {
  ModelConfig config = TestModel::small();
  change(config);
  return config;
}

const std::vector<Step> kOneCall{{14}};
const std::vector<Step> kFewCalls{{12}, {1}, {3}};
// Rewinds to where the sequence is short, so that an error there has a large effect on later tokens.
const std::vector<Step> kRewinds{{14}, {1}, {1}, {5}, {2, 3}, {1}, {8}};

std::vector<Case> activation_cases() {
  std::vector<Case> all;
  for (const auto& [name, activation] :
       {std::pair{"gelu_new", IB_ACTIVATION_GELU_TANH}, std::pair{"gelu", IB_ACTIVATION_GELU_ERF},
        std::pair{"relu", IB_ACTIVATION_RELU}}) {
    ModelConfig config = TestModel::small();
    config.activation = activation;
    all.push_back({std::string("activation ") + name,
                   std::string("the activation ") + name,
                   config,
                   {constant_activation},
                   {{8}},
                   true,
                   16});
  }
  return all;
}

std::vector<Case> make_cases() {
  const ModelConfig small = TestModel::small();
  const ModelConfig untied = with([](ModelConfig& config) { config.tied_head = false; });
  const ModelConfig wide_epsilon = with([](ModelConfig& config) { config.layer_norm_epsilon = 0.5; });
  // With 2 heads, no other attention scale in layer 1 equals the one without this flag.
  const ModelConfig inverse = with([](ModelConfig& config) {
    config.scale_attn_by_inverse_layer = true;
    config.n_heads = 2;
  });
  const ModelConfig unscaled = with([](ModelConfig& config) { config.scale_attn_weights = false; });
  std::vector<Case> all{
      {"embedding", "the embeddings, the final norm or the head", small, {no_blocks}, kOneCall},
      {"even attention",
       "the attention's values, its mask or its output projection (layer 0)",
       small,
       {only_attention_0, even_attention},
       kOneCall},
      {"attention",
       "the attention's scores: queries, keys, their scale or their mask (layer 0)",
       small,
       {only_attention_0},
       kOneCall},
      {"mlp", "the MLP: ln_2, mlp.c_fc, the activation or mlp.c_proj (layer 0)", small, {only_mlp_0}, kOneCall},
      {"last attention", "the attention of layer 1, not that of layer 0", small, {only_attention_1}, kOneCall},
      {"last mlp", "the MLP of layer 1, not that of layer 0", small, {only_mlp_1}, kOneCall}};
  for (Case& one : activation_cases()) all.push_back(std::move(one));
  const std::vector<Case> rest{
      {"final norm's epsilon", "layer_norm_epsilon in the final norm", small, {no_blocks, small_embeddings}, kOneCall},
      {"ln_1's epsilon", "layer_norm_epsilon in ln_1", small, {only_attention_0, small_embeddings}, kOneCall},
      {"ln_2's epsilon", "layer_norm_epsilon in ln_2", small, {only_mlp_0, small_embeddings}, kOneCall},
      {"wide epsilon", "a layer_norm_epsilon other than 1e-5", wide_epsilon, {}, kOneCall},
      {"variance", "the variance in the layer norms", untied, {exact_variance}, kOneCall, true, 64},
      {"untied head", "an untied head", untied, {}, kOneCall},
      {"inverse layer", "scale_attn_by_inverse_layer", inverse, {only_attention_1}, kOneCall},
      {"unscaled", "scale_attn_weights = 0", unscaled, {small_scores}, kOneCall},
      {"calls", "the positions or the cache of a sequence fed in several calls", small, {only_attention_0}, kFewCalls},
      {"rewinds", "the positions or the cache of a sequence after a truncate", small, {only_attention_0}, kRewinds},
      {"whole", "the residual sums, or the order of the layers", small, {}, kRewinds}};
  all.insert(all.end(), rest.begin(), rest.end());
  return all;
}

// Feeds `sequence` with the case's steps. It must have truncate(n) and feed(ids) -> logits.
template <typename Sequence>
Trace trace(const Case& one, Sequence& sequence) {
  const auto ids = test_tokens(one.n_tokens(), 5, one.config.vocab);
  Trace result;
  std::size_t begin = 0;
  std::int32_t past = 0;
  for (const Step& step : one.steps) {
    if (step.rewind_to >= 0) {
      sequence.truncate(step.rewind_to);
      past = step.rewind_to;
    }
    const reference::Values logits = sequence.feed(std::span(ids).subspan(begin, step.n));
    result.logits.insert(result.logits.end(), logits.begin(), logits.end());
    for (std::size_t i = 0; i < step.n; ++i) result.positions.push_back(past++);
    begin += step.n;
  }
  return result;
}

}  // namespace

std::unique_ptr<TestModel> Case::model() const {
  auto weights = std::make_unique<TestModel>(config);
  if (exact) make_exact(*weights);
  for (auto* const change : changes) change(*weights);
  return weights;
}

std::size_t Case::n_tokens() const {
  return std::accumulate(steps.begin(), steps.end(), std::size_t{0},
                         [](std::size_t sum, const Step& step) { return sum + step.n; });
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all = make_cases();
  return all;
}

std::vector<Case> long_cases() {
  const ModelConfig small = TestModel::small();
  return {{"long", "long sequences", small, {}, {{static_cast<std::size_t>(small.context)}}, false},
          {"long in calls", "long sequences in several calls", small, {}, {{16}, {16}, {1}, {31}, {1}, {40}}, false}};
}

Trace answers_of(const Subject& subject, const Case& one, TestModel& weights) {
  const Candidate model(subject, weights.desc());
  struct Sequence {
    Session session;
    void truncate(std::int32_t n_past) const { session.truncate(0, n_past); }
    reference::Values feed(std::span<const std::int32_t> ids) const {
      const auto logits = session.all_logits(0, ids);
      return {logits.begin(), logits.end()};
    }
  } sequence{Session(model)};
  return trace(one, sequence);
}

Trace answers_with(const Mistake* mistake, const Case& one, TestModel& weights) {
  const MistakenModel model(weights.desc(), mistake == nullptr ? std::function<void(Draft&)>{} : mistake->apply);
  MistakenSequence sequence(model);
  return trace(one, sequence);
}

double tolerance_of(const Subject& subject, const Case& one) {
  constexpr double kOfActivations = 0.1;
  return one.exact ? one.sensitivity * std::min(subject.tolerance.numerics, kOfActivations)
                   : subject.tolerance.numerics;
}

double distance(const reference::Values& a, const reference::Values& b) {
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) squares += (b[i] - a[i]) * (b[i] - a[i]);
  return std::sqrt(squares / static_cast<double>(a.size()));
}

double spread(const reference::Values& values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  return distance(reference::Values(values.size(), mean), values);
}

Nearness nearness(const reference::Values& right, const reference::Values& mistaken, const reference::Values& found) {
  double product = 0;
  for (std::size_t i = 0; i < right.size(); ++i) product += (found[i] - right[i]) * (mistaken[i] - right[i]);
  product /= static_cast<double>(right.size());
  const double apart = distance(right, mistaken);
  const double unit = spread(right);
  Nearness result{distance(right, found) / unit, distance(mistaken, found) / unit, 0, 0, apart / unit};
  if (apart > 0 && result.to_right > 0) {
    result.along = product / (apart * apart);
    result.cosine = product / (apart * unit * result.to_right);
  }
  return result;
}

}  // namespace inferbench::conformance
