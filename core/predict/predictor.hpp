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

/// Scores of one method on configurations that were left out.
struct MethodValidation {
  Method method = Method::kPhysical;
  std::map<std::string, Scores> by_scheme;             ///< by name of validation_schemes
  std::map<std::string, ThresholdScores> interactive;  ///< decode_ms_per_token at the threshold; else empty
  double mape = 0;  ///< mean over the schemes; the method with the smallest is chosen

  friend bool operator==(const MethodValidation&, const MethodValidation&) = default;
};

/// One target: the method chosen by validation, fitted to all samples, and the validation results.
struct TargetPredictor {
  TargetModel model;
  std::vector<MethodValidation> validation;
  /// log(measured / predicted) of left-out configurations. Inside: between measured values. Outside: at the smallest or
  /// largest value of an axis, beyond the training data.
  std::vector<double> residuals_inside;
  std::vector<double> residuals_outside;
  /// Standard deviation of the drift between runs, as a logarithm. It is assumed (run_drift.hpp) and added to the
  /// residuals if no run was repeated. 0 if runs were repeated: the residuals are then those of left-out runs and
  /// include the drift.
  double assumed_drift = 0;
};

/// A model that was measured.
struct KnownModel {
  std::string reference;
  ModelConfig shape;

  friend bool operator==(const KnownModel&, const KnownModel&) = default;
};

/// The result of `predict fit`, stored in model.json.
struct Predictor {
  std::vector<std::string> trained_on;  ///< one line per run: name, start, machine
  std::size_t configurations = 0;
  std::size_t trials = 0;
  double threshold_ms = 200;                      ///< decode_ms_per_token up to this is "interactive"
  std::map<std::string, MachineLimits> machines;  ///< by processor name; empty: limits were not measured
  std::map<std::string, ContenderFacts> contenders;
  std::map<std::string, MeasuredRanges> ranges;  ///< of each contender
  std::vector<KnownModel> models;
  std::map<std::string, TargetPredictor> targets;
  std::vector<std::string> warnings;  ///< from the fit, for the user; not stored in model.json
};

struct FitOptions {
  double threshold_ms = 200;
  std::optional<MachineLimits> limits;  ///< used instead of those in the run folders
};

/// Learns from `runs`. Chooses a method for each target by validation (held_out.hpp), then fits it to all samples.
/// Throws Error if there is nothing to learn from, or if only some of the runs have machine limits.
Predictor fit_predictor(std::span<const RunData> runs, const FitOptions& options = {});

/// A value and the interval that covers a new configuration with probability kPredictionLevel. The interval is absent
/// if too few configurations were left out.
struct Prediction {
  double value = 0;
  std::optional<Interval> interval;
};

/// A question: a contender with a workload.
struct AskedConfiguration {
  std::string contender;
  std::string model;  ///< for display
  Workload workload;
  /// Limits of the machine in question. If absent: the only machine in the training data.
  std::optional<MachineLimits> limits = std::nullopt;
};

/// The setting of a question; its limits are borrowed from one of the arguments. Throws Error for a contender that was
/// not measured, if the predictor was trained on several machines and no limits are given, and if limits are given to a
/// predictor trained without limits.
Setting asked_setting(const Predictor& predictor, const AskedConfiguration& asked);

struct ConfigurationPrediction {
  AskedConfiguration asked;
  std::vector<BeyondRange> beyond;  ///< axes on which it is outside the measured range
  std::map<std::string, Prediction> targets;
  /// Probability that decode takes at most the predictor's threshold; absent if decode has no interval.
  std::optional<double> meets_threshold;
};

/// Level of the intervals in Prediction.
inline constexpr double kPredictionLevel = 0.9;

/// Half the width of a prediction's interval, as a logarithm, inside or outside the measured range. Includes the
/// assumed drift. Absent if too few configurations were left out.
std::optional<double> interval_half_width(const TargetPredictor& target, bool outside);

/// Throws Error for a contender that was not measured.
ConfigurationPrediction predict_configuration(const Predictor& predictor, const AskedConfiguration& asked);

/// Conversion to and from model.json. Reading throws Error for anything else.
nlohmann::ordered_json to_json(const Predictor& predictor);
Predictor predictor_from_json(const nlohmann::ordered_json& json);

}  // namespace inferbench
