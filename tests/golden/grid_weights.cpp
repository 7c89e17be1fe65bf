// SPDX-License-Identifier: Apache-2.0
#include "golden/grid_weights.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <memory>
#include <span>
#include <utility>

#include "inferbench/decoder.hpp"
#include "model/weights_storage.hpp"
#include "reference/decoder.hpp"

namespace inferbench::golden {
namespace {

constexpr int kMostCode = 7;
constexpr int kMostMultiplier = 16;

// The first group of eight has the greatest step; the others have all kinds.
int multiplier_of(std::size_t group) {
  return group % 8 == 0 ? kMostMultiplier : 1 + static_cast<int>((group * 7) % kMostMultiplier);
}

// To 4 significant bits: times a multiplier of 4 bits, that is a bfloat16 number, as scales of 4-bit formats are.
double short_number(double x) {
  int exponent = 0;
  const double mantissa = std::frexp(x, &exponent);
  return std::ldexp(std::round(mantissa * 16), exponent - 4);
}

void move_to_grid(std::span<double> channel, std::size_t group_size) {
  const auto larger = [](double a, double b) { return std::abs(a) < std::abs(b); };
  const double most = std::abs(*std::max_element(channel.begin(), channel.end(), larger));
  const double scale = short_number(most / (kMostCode * kMostMultiplier));
  for (std::size_t group = 0; group * group_size < channel.size(); ++group) {
    const auto values = channel.subspan(group * group_size, std::min(group_size, channel.size() - group * group_size));
    const double step = scale * multiplier_of(group);
    const double peak = std::abs(*std::max_element(values.begin(), values.end(), larger));
    // The group's own largest value reaches the last code.
    for (double& value : values) value = peak > 0 ? step * std::round(value / peak * kMostCode) : 0;
  }
}

class GridStorage final : public Weights::Storage {
 public:
  GridStorage(const Weights& weights, std::size_t group) : Storage(decoder::tensors(weights.desc())) {
    values_.reserve(specs().size());
    for (std::size_t i = 0; i < specs().size(); ++i) {
      const decoder::TensorSpec& spec = specs()[i];
      reference::Values values = reference::values_of(weights.tensors()[i]);
      if (spec.role == decoder::TensorRole::kLinearWeight) {
        const auto inputs = static_cast<std::size_t>(spec.shape[1]);
        for (std::size_t at = 0; at < values.size(); at += inputs)
          move_to_grid(std::span(values).subspan(at, inputs), group);
      }
      std::vector<float>& kept = values_.emplace_back();
      std::transform(values.begin(), values.end(), std::back_inserter(kept),
                     [](double v) { return static_cast<float>(v); });
      add_tensor(IB_DTYPE_F32, kept.data());
    }
  }

 private:
  std::vector<std::vector<float>> values_;
};

// Which of these is the greatest, and by how much.
std::pair<std::int32_t, double> greatest_of(std::span<const double> logits) {
  const auto best = std::max_element(logits.begin(), logits.end());
  double second = -HUGE_VAL;
  for (auto at = logits.begin(); at != logits.end(); ++at) {
    if (at != best) second = std::max(second, *at);
  }
  return {static_cast<std::int32_t>(best - logits.begin()), *best - second};
}

}  // namespace

Weights grid_weights(const Weights& weights, std::size_t group) {
  return Weights(weights.config(), std::make_shared<GridStorage>(weights, group));
}

std::vector<Case> with_float64_results(std::vector<Case> cases, const Weights& weights) {
  const reference::Decoder decoder(weights.desc());
  const auto vocab = static_cast<std::size_t>(weights.config().vocab_size);
  for (Case& one : cases) {
    const bool every_position = one.logits.size() > vocab;
    reference::Values logits = decoder.logits(one.input_ids);
    const auto wanted = std::span(logits).last(every_position ? logits.size() : vocab);
    one.logits.clear();
    for (const double logit : wanted) one.logits.push_back(static_cast<float>(logit));
    const auto [id, margin] = greatest_of(std::span<const double>(logits).last(vocab));
    one.greedy = {id};
    one.greedy_margin = {static_cast<float>(margin)};
  }
  return cases;
}

}  // namespace inferbench::golden
