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

namespace inferbench {

/// One backend with its precision and options, as the sweep drives it.
struct Contender {
  std::string name;       ///< unique; the YAML's, or made from plugin, precision and the options that vary
  std::string plugin;     ///< a name as written, or an absolute path
  std::string precision;  ///< resolved, never empty
  std::map<std::string, std::string> options;  ///< only what the YAML set

  friend bool operator==(const Contender&, const Contender&) = default;
};

/// One combination of model and sweep axes.
struct Point {
  std::string model;  ///< reference as written; of a folder, its absolute path
  std::int32_t prompt_tokens = 0;
  std::int32_t generate_tokens = 0;  ///< n tokens make n - 1 decode intervals
  std::int32_t batch = 0;            ///< sequences at once, all of the same lengths
  std::int32_t threads = 0;
  std::int32_t past_tokens = 0;  ///< tokens of each sequence that are in the cache before the clock starts
  /// The first tokens of each sequence, past and prompt, that all sequences of all trials of the point have in common.
  std::int32_t shared_prefix_tokens = 0;

  friend auto operator<=>(const Point&, const Point&) = default;
};

/// Positions of the cache that each sequence of the point needs: the last generated token is never fed.
std::int64_t positions_of(const Point& point);

/// Equal but for the model.
bool same_workload(const Point& a, const Point& b);

/// "prompt 128, generate 32, batch 1, threads 2", and what is not zero of past and shared prefix.
std::string workload_text(const Point& point);

struct Prompts {
  std::uint64_t seed = 0;
  std::optional<std::filesystem::path> file;  ///< text; each prompt is a window of it. Else random token ids

  friend bool operator==(const Prompts&, const Prompts&) = default;
};

/// When a point has enough blocks: after measure.blocks of them, one more at a time until each contender's prefill and
/// decode speed ratios to the baseline are known well enough, or one of the bounds is reached.
struct Until {
  double ratio_interval =
      0.01;  ///< the intervals (stats/ratio.hpp) reach at most this share of the ratio to either side
  std::int32_t max_blocks = 50;  ///< of a point; at least measure.blocks
  double max_minutes = 10;       ///< that a point's trials take together

  friend bool operator==(const Until&, const Until&) = default;
};

/// Whether a run measures the machine's limits first, to say which share of them each trial reached.
enum class MachineLimitsMode : std::int32_t {
  kAuto,  ///< where the plan takes longer than measuring them is worth
  kAlways,
  kNever
};

struct MeasureSettings {
  std::int32_t blocks = 5;
  std::int32_t warmup = 1;  ///< trials a contender and point run before the first block, recorded as warm-up
  double cooldown_s = 0;    ///< pause before each trial
  std::uint64_t seed = 1;   ///< of the order within blocks
  std::optional<Until> until{};
  std::int32_t repeat_disturbed = 1;  ///< how often a block is run again in which something disturbed a trial
  MachineLimitsMode machine_limits = MachineLimitsMode::kAuto;
  /// Every block in new worker processes; else one process a contender for all blocks of a model and thread count. A
  /// process keeps its place in memory for life, and with it a speed of its own: what its blocks agree on may be that.
  bool fresh_processes = true;
  std::vector<int> cpus{};  ///< that the run is bound to, ascending; empty: all that the process may use

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

/// How far each contender strays from a reference, measured once a model.
struct Quality {
  std::string reference = "cpu_ref";          ///< a backend, in its first precision: a name, or an absolute path
  std::optional<std::filesystem::path> text;  ///< else seeded random tokens
  std::int32_t windows = 0;                   ///< at most; 0: all of the text, or four of random tokens
  /// Contender or precision -> nats per token, the contender's first; others have default_max_kl.
  std::map<std::string, double> max_kl;

  friend bool operator==(const Quality&, const Quality&) = default;
};

/// Points that something is meant for. What is left out matches every point.
struct PointFilter {
  std::string model{};                         ///< reference, as in Point::model
  std::map<std::string, std::int32_t> axes{};  ///< an axis of the sweep and its value there

  friend bool operator==(const PointFilter&, const PointFilter&) = default;
};

/// What `check` judges.
struct Target {
  std::string contender;  ///< empty: all
  std::string metric;
  std::optional<double> percentile;
  bool at_least = true;  ///< else at most
  double value = 0;
  bool times_baseline = false;  ///< value is a multiple of the baseline's
  PointFilter where{};

  friend bool operator==(const Target&, const Target&) = default;
};

/// How much worse than an earlier run `check --against` lets a contender be.
struct RegressionRule {
  std::string contender{};  ///< empty: all
  std::string metric{};     ///< empty: all that are judged
  PointFilter where{};
  double threshold = 0;  ///< a share: 0.03 is 3%

  friend bool operator==(const RegressionRule&, const RegressionRule&) = default;
};

/// What was found of a model when the experiment was checked.
struct ModelFacts {
  std::string reference;  ///< as in Point::model
  std::string name;       ///< short, for tables; distinct among the models of an experiment
  ModelConfig config;
  std::uint64_t n_parameters = 0;
  /// Where the weights come from: the folder with links resolved, or what a synthetic model is made of. Two references
  /// to one place are one model.
  std::string place{};

  friend bool operator==(const ModelFacts&, const ModelFacts&) = default;
};

/// A checked experiment file: defaults filled in, lists multiplied out, paths made absolute.
struct Experiment {
  std::string name;
  std::filesystem::path file;  ///< the YAML it came from
  std::vector<Contender> contenders;
  std::vector<std::string> left_out;    ///< a line for each optional contender that this machine cannot have, and why
  std::string baseline;                 ///< a contender's name
  std::vector<std::string> models;      ///< references, as in Point::model
  std::vector<ModelFacts> model_facts;  ///< beside `models`
  std::vector<Point> points;            ///< in sweep order, exclusions taken out
  Prompts prompts;
  MeasureSettings measure;
  LoadSettings load;
  Limits limits;
  std::optional<Quality> quality;
  std::vector<Target> targets;
  std::vector<RegressionRule> regressions;
  std::optional<Target> interactive;
  std::string resolved_yaml;  ///< everything above as YAML, for run.json and for running it again

  friend bool operator==(const Experiment&, const Experiment&) = default;
};

}  // namespace inferbench
