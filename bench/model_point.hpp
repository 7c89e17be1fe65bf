// SPDX-License-Identifier: Apache-2.0
//
// One contender at one point, measured with the same loop as the program's own trials.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "measure/trial.hpp"
#include "plugin/backend.hpp"

namespace inferbench::bench {

/// The work of one run: a prefill of `prompt` tokens for each of `batch` sequences and, for decode, `generate` tokens
/// after it.
struct Point {
  std::string_view name;
  std::int32_t batch;
  std::int32_t prompt;
  std::int32_t generate;  ///< 1: only the prefill is timed; otherwise only the tokens after the first

  bool is_decode() const { return generate > 1; }
};

/// The points that --point accepts.
const std::vector<Point>& all_points();
/// Throws Error if there is no such point.
const Point& point_named(std::string_view name);

/// A packed model at one point, with its session and prompts.
class PointRun {
 public:
  PointRun(const BackendModel& model, const Point& point);

  /// Tokens per second, of decode or of the prefill. Every call uses a different prompt; the n-th call always uses the
  /// same one. Throws Error if the backend fails or emits invalid ids.
  double tokens_per_second();
  /// FNV-1a hash of the ids that the last run emitted.
  std::string digest() const { return digest_of(loop_.ids()); }

  /// Bytes of weights that a decode step reads.
  std::uint64_t weight_bytes() const { return model_.info().decode_weights_bytes; }
  /// Operations of the linear layers (two per multiply-add) for one token without logits.
  double layer_operations() const;

 private:
  BackendModel model_;
  Point point_;
  BackendSession session_;
  TrialLoop loop_;
  std::uint64_t n_runs_ = 0;
};

}  // namespace inferbench::bench
