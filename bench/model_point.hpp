// SPDX-License-Identifier: Apache-2.0
//
// One contender at one point, measured by the loop that the program's own trials use.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "measure/trial.hpp"
#include "plugin/backend.hpp"

namespace inferbench::bench {

/// What is run: a prefill of `prompt` tokens for each of `batch` sequences and, for decode, `generate` tokens after it.
struct Point {
  std::string_view name;
  std::int32_t batch;
  std::int32_t prompt;
  std::int32_t generate;  ///< 1: only the prefill counts, else only the tokens after the first

  bool is_decode() const { return generate > 1; }
};

/// The points that --point may name.
const std::vector<Point>& all_points();
/// Throws Error.
const Point& point_named(std::string_view name);

/// A packed model at a point: its session and prompts.
class PointRun {
 public:
  PointRun(const BackendModel& model, const Point& point);

  /// Tokens a second: of decode, or of the prefill. Every call has a prompt of its own, the same for the same number of
  /// calls. Throws Error where the backend fails or emits nonsense.
  double tokens_per_second();
  /// FNV-1a of the ids that the last run emitted.
  std::string digest() const { return digest_of(loop_.ids()); }

  /// What a decode step reads of the weights.
  std::uint64_t weight_bytes() const { return model_.info().decode_weights_bytes; }
  /// Multiply-adds of the linear layers, counted twice, for one token that wants no logits.
  double layer_operations() const;

 private:
  BackendModel model_;
  Point point_;
  BackendSession session_;
  TrialLoop loop_;
  std::uint64_t n_runs_ = 0;
};

}  // namespace inferbench::bench
