// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "measure/page_cache.hpp"
#include "model/model_config.hpp"
#include "serve/load_metrics.hpp"
#include "serve/request_plan.hpp"
#include "serve/scheduler.hpp"

namespace inferbench {

/// How prompts are sent to a server.
enum class PromptForm : std::int32_t {
  kAuto,  ///< as token ids if the server takes them, else as text
  kIds,
  kText
};

/// A running server that speaks OpenAI's HTTP API.
struct ServerAddress {
  std::string url;            ///< up to and including /v1, without credentials
  std::string model;          ///< as the server names it
  std::string api_key_env{};  ///< environment variable with the API key, which is stored nowhere; empty: no key
  bool chat = false;          ///< chat completions
  PromptForm prompts = PromptForm::kAuto;
  double timeout_s = 0;  ///< of one request; 0: limits.timeout_s

  friend bool operator==(const ServerAddress&, const ServerAddress&) = default;
};

/// One backend with its precision and options, or one server, as the sweep drives it.
struct Contender {
  std::string name;       ///< unique; from the YAML, or built from plugin, precision and the options that vary
  std::string plugin;     ///< the name as written, or an absolute path; empty for a server
  std::string precision;  ///< resolved, never empty; empty for a server, whose precision is its own affair
  std::map<std::string, std::string> options;  ///< only what the YAML set
  /// What the backend computes on, such as "cuda:0". Empty: the backend's default, which is the CPU or unknown here.
  std::string device{};
  std::optional<ServerAddress> endpoint{};  ///< present: a server, without plugin, precision, options and device

  friend bool operator==(const Contender&, const Contender&) = default;
};

/// Whether the contender computes on a device other than the host's CPUs.
inline bool on_device(const Contender& contender) {
  return !contender.device.empty() && contender.device != "cpu";
}

/// Whether a point's threads compute for the contender: it is neither on a device nor a server.
inline bool on_host_cpus(const Contender& contender) {
  return !on_device(contender) && !contender.endpoint;
}

/// One combination of model and sweep axes.
struct Point {
  std::string model;  ///< reference as written; for a folder, its absolute path
  std::int32_t prompt_tokens = 0;
  std::int32_t generate_tokens = 0;  ///< n tokens give n - 1 decode intervals
  std::int32_t batch = 0;            ///< concurrent sequences, all of the same lengths
  std::int32_t threads = 0;
  std::int32_t past_tokens = 0;  ///< tokens of each sequence that are in the cache before the clock starts
  /// Number of leading tokens (past, then prompt) that all sequences of all trials of the point have in common.
  std::int32_t shared_prefix_tokens = 0;
  /// The machine, in a run that `inferbench merge --each-node` made of several machines' runs; otherwise empty.
  std::string node{};
  /// How requests arrive: the text of a Scenario; empty: one batch. Of a scenario, `batch` is the number of slots, and
  /// the lengths are the longest of its requests.
  std::string scenario{};

  friend auto operator<=>(const Point&, const Point&) = default;  // NOLINT(modernize-use-nullptr): of its own 0
};

/// Cache positions that each sequence of the point needs. The last generated token is never fed, so it needs none.
std::int64_t positions_of(const Point& point);

/// Equal apart from the model.
bool same_workload(const Point& a, const Point& b);

/// "prompt 128, generate 32, batch 1, threads 2", plus past tokens and shared prefix if not zero, and the node.
std::string workload_text(const Point& point);

struct Prompts {
  std::uint64_t seed = 0;
  std::optional<std::filesystem::path> file;  ///< each prompt is a window of this text; without one: random token ids

  friend bool operator==(const Prompts&, const Prompts&) = default;
};

/// When a point has enough blocks. After measure.blocks blocks, one block is added at a time until each contender's
/// prefill and decode speed ratios to the baseline are precise enough, or until a bound is reached.
struct Until {
  double ratio_interval = 0.01;  ///< limit of the intervals' half-width (stats/ratio.hpp), as a share of the ratio
  std::int32_t max_blocks = 50;  ///< per point; at least measure.blocks
  double max_minutes = 10;       ///< total time of a point's trials

  friend bool operator==(const Until&, const Until&) = default;
};

/// Whether a run measures the machine's limits first. Reports then show the share of them that each trial reached.
enum class MachineLimitsMode : std::int32_t {
  kAuto,  ///< if the plan takes longer than it is worth measuring them
  kAlways,
  kNever
};

struct MeasureSettings {
  std::int32_t blocks = 5;
  std::int32_t warmup = 1;  ///< trials per contender and point before the first block, recorded as warm-up
  double cooldown_s = 0;    ///< pause before each trial
  std::uint64_t seed = 1;   ///< for the order within blocks
  std::optional<Until> until{};
  std::int32_t repeat_disturbed = 1;  ///< how often a block with a disturbed trial is repeated
  MachineLimitsMode machine_limits = MachineLimitsMode::kAuto;
  /// True: every block runs in new worker processes. False: one process per contender runs all blocks of a model and
  /// thread count. A process keeps its memory placement for life, and its speed depends on that placement, so the
  /// blocks of one process may agree for that reason alone.
  bool fresh_processes = true;
  std::vector<int> cpus{};  ///< CPUs that the run is bound to, ascending; empty: all that the process may use

  friend bool operator==(const MeasureSettings&, const MeasureSettings&) = default;
};

struct Limits {
  double timeout_s = 300;
  std::uint64_t memory_bytes = 0;  ///< 0: none

  friend bool operator==(const Limits&, const Limits&) = default;
};

struct LoadSettings {
  PageCache cache = PageCache::kAsIs;

  friend bool operator==(const LoadSettings&, const LoadSettings&) = default;
};

/// What all scenarios of an experiment have in common, and their list.
struct Serving {
  std::vector<Scenario> scenarios{};  ///< in sweep order, texts distinct; without batch, which is none
  /// The traces of the scenarios, by Scenario::trace.
  std::map<std::string, std::vector<TraceRow>> traces{};
  std::vector<Delivery> delivery{Delivery::kNone};  ///< each scenario runs with each of them
  std::int32_t max_batch = 8;
  std::int32_t token_budget = 512;
  SchedulePolicy policy = SchedulePolicy::kChunked;
  std::int32_t requests = 120;                          ///< of one run, at most; a 99th percentile needs 100 that count
  double duration_s = 0;                                ///< no request arrives later; 0: no bound
  double ramp_up = 0.1;                                 ///< share of the requests that are left out of the figures
  std::optional<LengthDistribution> prompt_tokens{};    ///< absent: Point::prompt_tokens
  std::optional<LengthDistribution> generate_tokens{};  ///< absent: Point::generate_tokens
  /// A file of prompts whose lengths the requests have, and these lengths by model; empty: none.
  std::string lengths_from{};
  std::map<std::string, std::vector<RequestLengths>> file_lengths{};
  Objective objective{};
  double per_user_tokens_per_s = 0;  ///< interactivity at which throughputs are compared; 0: none
  double cost_per_hour = 0;          ///< of the machine; 0: unknown
  std::string currency{};            ///< of cost_per_hour

  friend bool operator==(const Serving&, const Serving&) = default;
};

/// How far each contender deviates from a reference, measured once per model.
struct Quality {
  std::string reference = "cpu_ref";          ///< a backend name or an absolute path; its first precision is used
  std::optional<std::filesystem::path> text;  ///< without one: seeded random tokens
  std::int32_t windows = 0;                   ///< at most; 0: the entire text, or four windows of random tokens
  /// Maps a contender or precision to nats per token; a contender's entry takes priority. Others have default_max_kl.
  std::map<std::string, double> max_kl;

  friend bool operator==(const Quality&, const Quality&) = default;
};

/// The points that a rule applies to. A condition that is left out matches every point.
struct PointFilter {
  std::string model{};                         ///< reference, as in Point::model
  std::map<std::string, std::int32_t> axes{};  ///< axis of the sweep -> value
  std::string scenario{};                      ///< as in Point::scenario, or "batch"

  friend bool operator==(const PointFilter&, const PointFilter&) = default;
};

/// What `check` tests.
struct Target {
  std::string contender;  ///< empty: all
  std::string metric;
  std::optional<double> percentile;
  bool at_least = true;  ///< false: at most
  double value = 0;
  bool times_baseline = false;  ///< value is a multiple of the baseline's value
  PointFilter where{};

  friend bool operator==(const Target&, const Target&) = default;
};

/// How much worse than an earlier run a contender may be in `check --against`.
struct RegressionRule {
  std::string contender{};  ///< empty: all
  std::string metric{};     ///< empty: all metrics that are judged
  PointFilter where{};
  double threshold = 0;  ///< a share: 0.03 is 3%

  friend bool operator==(const RegressionRule&, const RegressionRule&) = default;
};

/// Facts about a model, collected when the experiment was checked.
struct ModelFacts {
  std::string reference;  ///< as in Point::model
  std::string name;       ///< short, for tables; distinct among the models of an experiment
  ModelConfig config;
  std::uint64_t n_parameters = 0;
  /// Where the weights come from: the folder with links resolved, or the identity of a synthetic model. Two references
  /// to one place are one model.
  std::string place{};

  friend bool operator==(const ModelFacts&, const ModelFacts&) = default;
};

/// A checked experiment file: defaults filled in, lists multiplied out, paths made absolute.
struct Experiment {
  std::string name;
  std::filesystem::path file;  ///< the YAML it came from
  std::vector<Contender> contenders;
  std::vector<std::string> left_out;    ///< why optional contenders are not available on this machine, one line each
  std::string baseline;                 ///< a contender's name
  std::vector<std::string> models;      ///< references, as in Point::model
  std::vector<ModelFacts> model_facts;  ///< same order as `models`
  std::vector<Point> points;            ///< in sweep order, without the excluded points
  Prompts prompts;
  Serving serving;
  MeasureSettings measure;
  LoadSettings load;
  Limits limits;
  std::optional<Quality> quality;
  std::vector<Target> targets;
  std::vector<RegressionRule> regressions;
  std::optional<Target> interactive;
  std::string resolved_yaml;  ///< everything above as YAML, for run.json and for rerunning the experiment

  friend bool operator==(const Experiment&, const Experiment&) = default;
};

}  // namespace inferbench
