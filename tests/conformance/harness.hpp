// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/model.hpp"
#include "plugin/backend.hpp"
#include "support/backend_settings.hpp"

namespace inferbench::conformance {

struct Settings : BackendSettings {
  /// What "up to rounding" may mean: difference of two logits in standard deviations of the logits.
  double rounding = 1e-4;
};

/// What main was told.
Settings& settings();

/// The backend under test, loaded once.
const Plugin& plugin();
const ib_backend& table();

/// The tiny fixture, opened once: 257 tokens, 128 positions, 2 layers.
const Model& tiny();

/// A model of the tiny fixture on a context of its own.
BackendModel make_model(std::int32_t n_threads = 2, HostCallbacks callbacks = {});

/// `n` token ids of tiny's vocabulary, the same for the same seed.
std::vector<std::int32_t> tokens(std::size_t n, std::uint32_t seed = 1);

/// Sequences for one call of forward, which own their tokens.
class Batch {
 public:
  void add(std::int32_t slot, std::vector<std::int32_t> ids);
  /// Logits [rows, vocab] for IB_OUTPUT_LAST_LOGITS or IB_OUTPUT_ALL_LOGITS. Throws Error.
  std::vector<float> logits(const BackendSession& session, std::int32_t output) const;
  std::vector<std::int32_t> greedy(const BackendSession& session) const;
  void advance(const BackendSession& session) const;  ///< IB_OUTPUT_NONE

  /// Parameters with no output; borrow from *this.
  ib_forward_params params() const;
  std::size_t n_tokens() const;

 private:
  std::vector<std::vector<std::int32_t>> tokens_;
  mutable std::vector<ib_sequence> sequences_;
};

/// forward through the raw table: status and message.
ib_status forward(const BackendSession& session, const ib_forward_params& params, ib_error& error);

/// Row `row` of logits [rows, vocab].
std::vector<float> row_of(const std::vector<float>& logits, std::size_t row);

/// Equal within settings().rounding; bit for bit where that is 0.
void expect_near(std::span<const float> expected, std::span<const float> got, const std::string& what);
/// The same bits.
void expect_same(std::span<const float> expected, std::span<const float> got, const std::string& what);

/// A message that a user can read: not empty, one line, terminated.
void expect_readable(const ib_error& error);

}  // namespace inferbench::conformance
