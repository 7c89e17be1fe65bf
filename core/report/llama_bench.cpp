// SPDX-License-Identifier: Apache-2.0
#include "report/llama_bench.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "stats/summary.hpp"

namespace inferbench {

namespace {

using Json = nlohmann::ordered_json;

// The time and the rate of each trial, for one test.
struct Samples {
  std::vector<double> ns;
  std::vector<double> tokens_per_s;
  std::string started;  // of the first
};

void add_sample(Samples& samples, const TrialRecord& trial, double ms, double tokens_per_s) {
  if (samples.ns.empty()) samples.started = trial.started;
  samples.ns.push_back(std::round(ms * 1e6));
  samples.tokens_per_s.push_back(tokens_per_s);
}

Samples prefill_samples(const TrialIndex::Trials& trials) {
  Samples samples;
  for (const TrialRecord* trial : trials) {
    if (trial->warm_up() || !trial->ok() || !trial->outcome.metrics) continue;
    add_sample(samples, *trial, trial->outcome.metrics->ttft_ms, trial->outcome.metrics->prefill_tokens_per_s);
  }
  return samples;
}

Samples decode_samples(const TrialIndex::Trials& trials) {
  Samples samples;
  for (const TrialRecord* trial : trials) {
    if (trial->warm_up() || !trial->ok() || !trial->outcome.metrics) continue;
    const TrialMetrics& metrics = *trial->outcome.metrics;
    if (!metrics.decode_ms_per_token || !metrics.decode_tokens_per_s) continue;
    const double steps = trial->point.generate_tokens - 1;
    add_sample(samples, *trial, *metrics.decode_ms_per_token * steps, *metrics.decode_tokens_per_s);
  }
  return samples;
}

Json whole_numbers(const std::vector<double>& values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(static_cast<std::int64_t>(value));
  return list;
}

Json cpu_model(const RunInfo& info) {
  const auto environment = Json::parse(info.environment, nullptr, false);
  const auto model = environment.is_object() ? environment.value("/cpu/model"_json_pointer, Json("")) : Json("");
  return model.is_string() ? model : Json("");
}

// The fields shared by all rows of a point and contender, in the order of llama-bench.
Json head_of(const RunInfo& info, const Point& point, const Contender& contender, const TrialRecord& trial) {
  const auto plugin = std::find_if(info.plugins.begin(), info.plugins.end(),
                                   [&](const PluginIdentity& other) { return other.contender == contender.name; });
  const auto model = std::find_if(info.models.begin(), info.models.end(),
                                  [&](const ModelIdentity& other) { return other.reference == point.model; });
  const std::string name = model == info.models.end() ? point.model : model->name;
  return {{"build_commit", plugin == info.plugins.end() ? "" : plugin->version},
          {"build_number", 0},
          {"cpu_info", cpu_model(info)},
          {"gpu_info", trial.load.device == "cpu" ? "" : trial.load.device},
          {"backends", contender.name},
          {"model_filename", point.model},
          {"model_type", name + " " + contender.precision},
          {"model_size", trial.load.weights_bytes},
          {"model_n_params", model == info.models.end() ? 0 : model->n_parameters},
          {"n_batch", std::int64_t{point.prompt_tokens} * point.batch},
          {"n_ubatch", std::int64_t{point.prompt_tokens} * point.batch},
          {"n_threads", point.threads},
          {"cpu_mask", "0x0"},
          {"cpu_strict", false},
          {"poll", 0},
          {"type_k", ""},
          {"type_v", ""},
          {"n_gpu_layers", 0},
          {"n_cpu_moe", 0},
          {"split_mode", "none"},
          {"main_gpu", 0},
          {"no_kv_offload", false},
          {"flash_attn", 0},
          {"devices", trial.load.device},
          {"tensor_split", "0.00"},
          {"tensor_buft_overrides", "none"},
          {"use_mmap", true},  // from earlier llama.cpp versions; now load_mode
          {"load_mode", "auto"},
          {"lazy_mode", "auto"},
          {"embeddings", false},
          {"no_op_offload", 0},
          {"no_host", false},
          {"fit_target", 0},
          {"fit_min_ctx", 0}};
}

void put_row(std::string& text, const Json& head, const Point& point, const std::string& precision, bool prefill,
             const Samples& samples) {
  const auto ns = summarize(samples.ns);
  const auto rate = summarize(samples.tokens_per_s);
  if (!ns || !rate) return;
  Json row = head;
  row["n_prompt"] = prefill ? point.prompt_tokens : 0;
  row["n_gen"] = prefill ? 0 : point.generate_tokens - 1;
  row["n_depth"] = prefill ? point.past_tokens : point.past_tokens + point.prompt_tokens;
  row["test_time"] = samples.started;
  row["avg_ns"] = std::llround(ns->mean);
  row["stddev_ns"] = std::llround(ns->sd.value_or(0));
  row["avg_ts"] = rate->mean;
  row["stddev_ts"] = rate->sd.value_or(0);
  row["samples_ns"] = whole_numbers(samples.ns);
  row["samples_ts"] = samples.tokens_per_s;
  row["batch"] = point.batch;
  row["precision"] = precision;
  text += row.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string llama_bench_jsonl(const RunData& run) {
  const TrialIndex index(run);
  std::string text;
  for (std::size_t p = 0; p < run.info.points.size(); ++p) {
    for (std::size_t c = 0; c < run.info.contenders.size(); ++c) {
      const auto& trials = index.at(p, c);
      const auto good = std::find_if(trials.begin(), trials.end(),
                                     [](const TrialRecord* trial) { return trial->ok() && !trial->warm_up(); });
      if (good == trials.end()) continue;
      const Point& point = run.info.points[p];
      const Contender& contender = run.info.contenders[c];
      const Json head = head_of(run.info, point, contender, **good);
      put_row(text, head, point, contender.precision, true, prefill_samples(trials));
      put_row(text, head, point, contender.precision, false, decode_samples(trials));
    }
  }
  return text;
}

}  // namespace inferbench
