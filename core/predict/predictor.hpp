// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "measure/machine_limits.hpp"
#include "predict/extrapolation.hpp"
#include "predict/samples.hpp"
#include "predict/scores.hpp"
#include "predict/target_model.hpp"

namespace inferbench {

/// How one method did on configurations that were left out.
struct MethodValidation {
  Method method = Method::kPhysical;
  std::map<std::string, Scores> by_scheme;             ///< validation_schemes' names
  std::map<std::string, ThresholdScores> interactive;  ///< of decode_ms_per_token against the threshold; else empty
  double mape = 0;                                     ///< mean over the schemes: the least is chosen

  friend bool operator==(const MethodValidation&, const MethodValidation&) = default;
};

/// One target: the method that validation chose, fitted to all samples, and what validation said.
struct TargetPredictor {
  TargetModel model;
  std::vector<MethodValidation> validation;
  /// log(measured / predicted) of left-out configurations; inside: between measured values; outside: at the least or
  /// greatest of an axis, beyond what their model had seen.
  std::vector<double> residuals_inside;
  std::vector<double> residuals_outside;
  /// Standard deviation, as a logarithm, of what one run adds to another, where no run was repeated to tell: assumed
  /// (run_drift.hpp), and added to the residuals. 0 where runs were repeated: then the residuals are those of runs that
  /// were left out.
  double assumed_drift = 0;
};

/// A model that was measured.
struct KnownModel {
  std::string reference;
  ModelConfig shape;

  friend bool operator==(const KnownModel&, const KnownModel&) = default;
};

/// What `predict fit` learns, and model.json holds.
struct Predictor {
  std::vector<std::string> trained_on;  ///< a line a run: name, start, machine
  std::size_t configurations = 0;
  std::size_t trials = 0;
  double threshold_ms = 200;                      ///< of decode_ms_per_token: "interactive"
  std::map<std::string, MachineLimits> machines;  ///< by the processor's name; empty: nobody measured their limits
  std::map<std::string, ContenderFacts> contenders;
  std::map<std::string, MeasuredRanges> ranges;  ///< of each contender
  std::vector<KnownModel> models;
  std::map<std::string, TargetPredictor> targets;
  std::vector<std::string> warnings;  ///< of the fit, for people; not kept in model.json
};

struct FitOptions {
  double threshold_ms = 200;
  std::optional<MachineLimits> limits;  ///< instead of those in the run folders
};

/// Learns from `runs`. Chooses a method for each target by validation (held_out.hpp), then fits it to everything.
/// Throws Error where there is nothing to learn from, or where only some of the runs have machine limits.
Predictor fit_predictor(std::span<const RunData> runs, const FitOptions& options = {});

/// A value and the interval that covers a new configuration with probability `level`. Absent bounds: too few left-out
/// configurations back an interval.
struct Prediction {
  double value = 0;
  std::optional<Interval> interval;
};

/// What is asked: a contender doing this.
struct AskedConfiguration {
  std::string contender;
  std::string model;  ///< for people
  Workload workload;
  /// Of the machine that it is asked for. Absent: the only one that was learned from.
  std::optional<MachineLimits> limits = std::nullopt;
};

/// The setting of a question; its limits are borrowed from either. Throws Error for a contender that was not measured,
/// where runs of several machines taught the predictor and none is named, and where limits are given to a predictor
/// that learned without.
Setting asked_setting(const Predictor& predictor, const AskedConfiguration& asked);

struct ConfigurationPrediction {
  AskedConfiguration asked;
  std::vector<BeyondRange> beyond;  ///< axes on which this was not measured
  std::map<std::string, Prediction> targets;
  /// Probability that decode takes at most the predictor's threshold; absent where decode has no interval.
  std::optional<double> meets_threshold;
};

/// Level of a Prediction's interval.
inline constexpr double kPredictionLevel = 0.9;

/// Half the width of a prediction's interval, as a logarithm: of questions inside what was measured, or beyond it.
/// Includes the assumed drift. Absent where too few configurations were left out.
std::optional<double> interval_half_width(const TargetPredictor& target, bool outside);

/// Throws Error for a contender that was not measured.
ConfigurationPrediction predict_configuration(const Predictor& predictor, const AskedConfiguration& asked);

/// model.json, and back. Reading throws Error for what is not one.
nlohmann::ordered_json to_json(const Predictor& predictor);
Predictor predictor_from_json(const nlohmann::ordered_json& json);

}  // namespace inferbench
