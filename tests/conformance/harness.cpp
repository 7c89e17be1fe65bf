// SPDX-License-Identifier: Apache-2.0
#include "conformance/harness.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "support/test_paths.hpp"

namespace inferbench::conformance {

Settings& settings() {
  static Settings the_settings;
  return the_settings;
}

const Plugin& plugin() {
  static const Plugin the_plugin = Plugin::load(settings().plugin);
  return the_plugin;
}

const ib_backend& table() {
  return plugin().table();
}

const Model& tiny() {
  static const Model the_model = Model::open("tiny", test_paths::kData);
  return the_model;
}

BackendModel make_model(std::int32_t n_threads, HostCallbacks callbacks) {
  return settings().create_model(BackendContext(plugin(), n_threads, std::move(callbacks)), tiny().weights());
}

std::vector<std::int32_t> tokens(std::size_t n, std::uint32_t seed) {
  std::vector<std::int32_t> ids(n);
  std::uint32_t state = seed * 2654435761U + 1;
  for (std::int32_t& id : ids) {
    state = state * 1664525U + 1013904223U;
    id = static_cast<std::int32_t>((state >> 8U) % static_cast<std::uint32_t>(tiny().config().vocab));
  }
  return ids;
}

void Batch::add(std::int32_t slot, std::vector<std::int32_t> ids) {
  tokens_.push_back(std::move(ids));
  sequences_.push_back({slot, static_cast<std::int32_t>(tokens_.back().size()), nullptr});
}

std::size_t Batch::n_tokens() const {
  return std::accumulate(tokens_.begin(), tokens_.end(), std::size_t{0},
                         [](std::size_t sum, const auto& ids) { return sum + ids.size(); });
}

ib_forward_params Batch::params() const {
  for (std::size_t i = 0; i < sequences_.size(); ++i) sequences_[i].tokens = tokens_[i].data();
  ib_forward_params params{};
  params.struct_size = sizeof(params);
  params.sequences = sequences_.data();
  params.n_sequences = static_cast<std::int32_t>(sequences_.size());
  params.output = IB_OUTPUT_NONE;
  return params;
}

ib_status forward(const BackendSession& session, const ib_forward_params& params, ib_error& error) {
  std::memset(error.message, '?', sizeof(error.message));
  return table().forward(session.get(), &params, &error);
}

std::vector<float> Batch::logits(const BackendSession& session, std::int32_t output) const {
  const std::size_t rows = output == IB_OUTPUT_ALL_LOGITS ? n_tokens() : sequences_.size();
  std::vector<float> logits(rows * static_cast<std::size_t>(tiny().config().vocab));
  ib_forward_params call = params();
  call.output = output;
  call.logits = logits.data();
  call.logits_capacity = logits.size();
  ib_error error;
  if (forward(session, call, error) != IB_OK) throw Error(error.message);
  return logits;
}

std::vector<std::int32_t> Batch::greedy(const BackendSession& session) const {
  std::vector<std::int32_t> ids(sequences_.size(), -1);
  ib_forward_params call = params();
  call.output = IB_OUTPUT_GREEDY;
  call.ids = ids.data();
  call.ids_capacity = ids.size();
  ib_error error;
  if (forward(session, call, error) != IB_OK) throw Error(error.message);
  return ids;
}

void Batch::advance(const BackendSession& session) const {
  ib_error error;
  if (forward(session, params(), error) != IB_OK) throw Error(error.message);
}

std::vector<float> row_of(const std::vector<float>& logits, std::size_t row) {
  const auto vocab = static_cast<std::size_t>(tiny().config().vocab);
  const auto begin = logits.begin() + static_cast<std::ptrdiff_t>(row * vocab);
  return {begin, begin + static_cast<std::ptrdiff_t>(vocab)};
}

void expect_near(std::span<const float> expected, std::span<const float> got, const std::string& what) {
  if (settings().rounding == 0) return expect_same(expected, got, what);
  ASSERT_EQ(expected.size(), got.size()) << what;
  const auto n = static_cast<double>(expected.size());
  const double mean = std::accumulate(expected.begin(), expected.end(), 0.0) / n;
  double squares = 0;
  double greatest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_TRUE(std::isfinite(got[i])) << what << ", value " << i;
    squares += (expected[i] - mean) * (expected[i] - mean);
    greatest = std::max(greatest, std::abs(static_cast<double>(got[i]) - static_cast<double>(expected[i])));
  }
  EXPECT_LE(greatest / std::sqrt(squares / n), settings().rounding) << what;
}

void expect_same(std::span<const float> expected, std::span<const float> got, const std::string& what) {
  ASSERT_EQ(expected.size(), got.size()) << what;
  const bool same = std::memcmp(expected.data(), got.data(), expected.size_bytes()) == 0;
  const auto [at, other] = std::mismatch(expected.begin(), expected.end(), got.begin());
  EXPECT_TRUE(same) << what << ": the first value that differs is number " << at - expected.begin();
}

void expect_readable(const ib_error& error) {
  const std::size_t length = strnlen(error.message, sizeof(error.message));
  ASSERT_LT(length, sizeof(error.message)) << "the message is not terminated";
  const std::string message(error.message, length);
  EXPECT_NE(message, "");
  EXPECT_NE(message.front(), '?') << "no message was written";
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}

}  // namespace inferbench::conformance
