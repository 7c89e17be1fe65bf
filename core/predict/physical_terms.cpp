// SPDX-License-Identifier: Apache-2.0
#include "predict/physical_terms.hpp"

#include <algorithm>

#include "inferbench/decoder.hpp"
#include "predict/machine_rates.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

constexpr double kMsPerS = 1000;
constexpr double kBytesPerCached = 4;  // keys and values in fp32; another type is another coefficient
constexpr double kBytesPerWeight = 4;  // of a backend that does not say

/// A workload as numbers shared by the terms.
struct Work {
  double layers, width, inner, vocab;
  double batch, prompt, past;
  double context;         // positions that a decode step attends to, mean over the steps
  double linear_weights;  // of all layers
  double query_size;
  double kv_values;  // of one token, in all layers
  double kv_read;    // of one decode step of one sequence, in all layers
  double seen;       // share of the pairs of prefill's attention that windows leave
  double bytes_per_s, ops_per_s, fp32_per_s;
  double weights_bytes;
};

double learned_positions(const ModelConfig& shape) {
  return shape.learned_positions ? shape.max_positions : 0;
}

Work work_of(const Setting& setting, const Workload& load) {
  const double per_weight = setting.bytes_per_weight > 0 ? setting.bytes_per_weight : kBytesPerWeight;
  const double bytes = decode_weights(load.shape) * per_weight;
  const ib_model_desc desc = model_desc(load.shape);
  const double context = load.past_tokens + load.prompt_tokens + 0.5 * load.generate_tokens;
  const double pairs = desc.n_layers * decoder::attended_pairs(load.past_tokens, load.prompt_tokens);
  const WorkLimits rates = machine_rates(setting, load.threads, bytes);
  return {static_cast<double>(load.shape.n_layers),
          static_cast<double>(load.shape.hidden_size),
          static_cast<double>(load.shape.intermediate_size),
          static_cast<double>(load.shape.vocab_size),
          static_cast<double>(load.batch),
          static_cast<double>(load.prompt_tokens),
          static_cast<double>(load.past_tokens),
          context,
          decoder::linear_weights(desc),
          static_cast<double>(decoder::query_size(desc)),
          decoder::kv_values_per_token(desc),
          decoder::kv_values_read(desc, context),
          decoder::attended_pairs_of_layers(desc, load.past_tokens, load.prompt_tokens) / pairs,
          rates.bytes,
          rates.products,
          rates.fp32,
          bytes};
}

// Number of sequences that many backends can multiply while the weights arrive from memory, or in one pass over them.
constexpr double kFewSequences = 4;

// One step of all sequences. Reading the weights does not depend on the batch size; arithmetic, cache and rows do.
// Reading and multiplying overlap, and the batch size at which compute overtakes memory depends on the backend. The
// hinge term at kFewSequences approximates max(memory, compute).
std::vector<double> decode_terms(const Work& w) {
  const double head_and_layers = w.linear_weights + w.vocab * w.width;
  return {1,
          w.layers,
          kMsPerS * w.weights_bytes / w.bytes_per_s,
          kMsPerS * decoder::kOpsPerWeight * w.batch * head_and_layers / w.ops_per_s,
          kMsPerS * decoder::kOpsPerWeight * std::max(0.0, w.batch - kFewSequences) * head_and_layers / w.ops_per_s,
          kMsPerS * w.batch * w.kv_read * kBytesPerCached / w.bytes_per_s,
          w.batch * w.layers,
          kMsPerS * w.batch * w.layers * w.width * kBytesPerCached / w.bytes_per_s};
}

// The prompts of all sequences; the head only at each sequence's last position. Attention is queries times keys and
// weights times values, two operations each, over the past and half of the prompt's square.
std::vector<double> ttft_terms(const Work& w) {
  const double tokens = w.batch * w.prompt;
  return {1,
          w.layers,
          kMsPerS * w.weights_bytes / w.bytes_per_s,
          kMsPerS * decoder::kOpsPerWeight * tokens * w.linear_weights / w.ops_per_s,
          kMsPerS * decoder::kOpsPerWeight * w.batch * w.vocab * w.width / w.ops_per_s,
          kMsPerS * 2 * tokens * (w.prompt + 2 * w.past) * w.seen * w.layers * w.query_size / w.fp32_per_s,
          kMsPerS * tokens * w.layers * (w.width + w.inner) * kBytesPerCached / w.bytes_per_s};
}

std::vector<double> memory_terms(const Work& w, const Workload& load) {
  const double positions = w.batch * (w.past + load.prompt_tokens + load.generate_tokens - 1);
  return {1,
          w.linear_weights,
          (w.vocab + learned_positions(load.shape)) * w.width,
          positions * w.kv_values,
          w.batch * w.prompt * (w.width + w.inner),
          w.batch * w.vocab};
}

std::vector<double> load_terms(const Work& w, const Workload& load) {
  return {1, w.linear_weights, (w.vocab + learned_positions(load.shape)) * w.width};
}

}  // namespace

double decode_weights(const ModelConfig& shape) {
  return decoder::linear_weights(model_desc(shape)) + decoder::head_weights(model_desc(shape));
}

double model_weights(const ModelConfig& shape) {
  const double heads = shape.tied_head ? 1 : 2;
  return decoder::linear_weights(model_desc(shape)) +
         (heads * shape.vocab_size + learned_positions(shape)) * static_cast<double>(shape.hidden_size);
}

const std::vector<std::string>& physical_term_names(std::string_view target) {
  static const std::vector<std::string> kDecode{"call",
                                                "layers",
                                                "weights over bandwidth",
                                                "products over peak",
                                                "beyond four, over peak",
                                                "cache over bandwidth",
                                                "rows",
                                                "activations over bandwidth"};
  static const std::vector<std::string> kTtft{"call",
                                              "layers",
                                              "weights over bandwidth",
                                              "products over peak",
                                              "head over peak",
                                              "attention over peak",
                                              "activations over bandwidth"};
  static const std::vector<std::string> kMemory{"process", "layers' weights", "embeddings",
                                                "cache",   "activations",     "logits"};
  static const std::vector<std::string> kLoad{"process", "layers' weights", "embeddings"};
  if (target == "decode_ms_per_token") return kDecode;
  if (target == "ttft_ms") return kTtft;
  if (target == "peak_rss_bytes") return kMemory;
  if (target == "load_peak_rss_bytes") return kLoad;
  throw Error("unknown prediction target '" + std::string(target) + "'");
}

std::vector<double> physical_terms(std::string_view target, const Setting& setting, const Workload& workload) {
  const Work work = work_of(setting, workload);
  if (target == "decode_ms_per_token") return decode_terms(work);
  if (target == "ttft_ms") return ttft_terms(work);
  if (target == "peak_rss_bytes") return memory_terms(work, workload);
  if (target == "load_peak_rss_bytes") return load_terms(work, workload);
  throw Error("unknown prediction target '" + std::string(target) + "'");
}

std::vector<double> physical_priors(std::string_view target, const Setting& setting) {
  const double limit = setting.knows_limits() ? 1 : 0;
  const double bytes = setting.bytes_per_weight;
  if (target == "decode_ms_per_token") return {0, 0, limit, 0, 0, limit, 0, 0};
  if (target == "ttft_ms") return {0, 0, 0, limit, limit, limit, 0};
  if (target == "peak_rss_bytes") return {0, bytes, bytes, kBytesPerCached, 0, 0};
  // While the model loads, the fp32 source is in memory together with the backend's copy.
  if (target == "load_peak_rss_bytes") return {0, bytes + kBytesPerWeight, bytes + kBytesPerWeight};
  throw Error("unknown prediction target '" + std::string(target) + "'");
}

}  // namespace inferbench
