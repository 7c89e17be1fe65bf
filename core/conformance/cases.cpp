// SPDX-License-Identifier: Apache-2.0
#include "conformance/cases.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "conformance/case_weights.hpp"

namespace inferbench::conformance {

namespace {

// Feeds `sequence` with the case's steps. It must have truncate(n) and feed(ids) -> logits.
template <typename Sequence>
Trace trace(const Case& one, Sequence& sequence) {
  const auto ids = test_tokens(one.n_tokens(), 5, one.config.vocab_size);
  Trace result;
  std::size_t begin = 0;
  std::int32_t past = 0;
  for (const Step& step : one.steps) {
    if (step.rewind_to >= 0) {
      sequence.truncate(step.rewind_to);
      past = step.rewind_to;
    }
    const reference::Values logits = sequence.feed(std::span(ids).subspan(begin, step.n));
    result.logits.insert(result.logits.end(), logits.begin(), logits.end());
    for (std::size_t i = 0; i < step.n; ++i) result.positions.push_back(past++);
    begin += step.n;
  }
  return result;
}

}  // namespace

std::unique_ptr<TestModel> Case::model() const {
  auto weights = std::make_unique<TestModel>(config);
  if (exact) make_exact(*weights);
  for (auto* const change : changes) change(*weights);
  return weights;
}

std::size_t Case::n_tokens() const {
  return std::accumulate(steps.begin(), steps.end(), std::size_t{0},
                         [](std::size_t sum, const Step& step) { return sum + step.n; });
}

Trace answers_of(const Subject& subject, const Case& one, TestModel& weights) {
  const Candidate model(subject, weights.desc());
  struct Sequence {
    Session session;
    void truncate(std::int32_t n_past) const { session.truncate(0, n_past); }
    reference::Values feed(std::span<const std::int32_t> ids) const {
      const auto logits = session.all_logits(0, ids);
      return {logits.begin(), logits.end()};
    }
  } sequence{Session(model)};
  return trace(one, sequence);
}

Trace answers_with(const Mistake* mistake, const Case& one, TestModel& weights) {
  const MistakenModel model(weights.desc(), mistake == nullptr ? std::function<void(Draft&)>{} : mistake->apply);
  MistakenSequence sequence(model);
  return trace(one, sequence);
}

double tolerance_of(const Subject& subject, const Case& one) {
  constexpr double kOfActivations = 0.1;
  return one.exact ? one.sensitivity * std::min(subject.tolerance.numerics, kOfActivations)
                   : subject.tolerance.numerics;
}

double distance(const reference::Values& a, const reference::Values& b) {
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) squares += (b[i] - a[i]) * (b[i] - a[i]);
  return std::sqrt(squares / static_cast<double>(a.size()));
}

double spread(const reference::Values& values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  return distance(reference::Values(values.size(), mean), values);
}

Nearness nearness(const reference::Values& right, const reference::Values& mistaken, const reference::Values& found) {
  double product = 0;
  for (std::size_t i = 0; i < right.size(); ++i) product += (found[i] - right[i]) * (mistaken[i] - right[i]);
  product /= static_cast<double>(right.size());
  const double apart = distance(right, mistaken);
  const double unit = spread(right);
  Nearness result{distance(right, found) / unit, distance(mistaken, found) / unit, 0, 0, apart / unit};
  if (apart > 0 && result.to_right > 0) {
    result.along = product / (apart * apart);
    result.cosine = product / (apart * unit * result.to_right);
  }
  return result;
}

}  // namespace inferbench::conformance
