// SPDX-License-Identifier: Apache-2.0
#include "predict/held_out.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <tuple>

#include "predict/physical_terms.hpp"

namespace inferbench {
namespace {

constexpr std::size_t kThird = 3;

struct Axis {
  const char* name;
  double (*value)(const Workload&);
};

constexpr Axis kAxes[] = {
    {"model", [](const Workload& load) { return model_weights(load.shape); }},
    {"prompt_tokens", [](const Workload& load) -> double { return load.prompt_tokens; }},
    {"generate_tokens", [](const Workload& load) -> double { return load.generate_tokens; }},
    {"batch", [](const Workload& load) -> double { return load.batch; }},
    {"threads", [](const Workload& load) -> double { return load.threads; }},
};

Scheme along(const Axis& axis, std::span<const Sample> samples) {
  std::map<double, Scheme::Fold> by_value;
  for (std::size_t i = 0; i < samples.size(); ++i) by_value[axis.value(samples[i].workload)].samples.push_back(i);
  Scheme scheme{axis.name, {}};
  if (by_value.size() < 2) return scheme;
  by_value.begin()->second.edge = true;
  by_value.rbegin()->second.edge = true;
  for (auto& [value, fold] : by_value) scheme.folds.push_back(std::move(fold));
  return scheme;
}

// Each machine counts as an edge, because predicting it is always an extrapolation.
Scheme machines(std::span<const Sample> samples) {
  std::vector<const MachineLimits*> seen;
  Scheme scheme{"machine", {}};
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto found = std::find(seen.begin(), seen.end(), samples[i].setting.limits);
    const auto place = static_cast<std::size_t>(found - seen.begin());
    if (found == seen.end()) {
      seen.push_back(samples[i].setting.limits);
      scheme.folds.push_back({{}, true});
    }
    scheme.folds[place].samples.push_back(i);
  }
  if (seen.size() < 2) scheme.folds.clear();
  return scheme;
}

auto point_of(const Sample& sample) {
  const Workload& load = sample.workload;
  return std::make_tuple(sample.model, load.prompt_tokens, load.generate_tokens, load.batch, load.threads,
                         load.past_tokens);
}

// Fisher-Yates shuffle with a fixed seed. Not std::shuffle, whose order depends on the standard library.
template <typename T>
void shuffle_points(std::vector<T>& values) {
  std::mt19937_64 random(42);
  for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random() % i]);
}

Scheme thirds(std::span<const Sample> samples) {
  std::map<decltype(point_of(samples[0])), std::vector<std::size_t>> points;
  for (std::size_t i = 0; i < samples.size(); ++i) points[point_of(samples[i])].push_back(i);
  Scheme scheme{"third", {}};
  if (points.size() < kThird) return scheme;
  std::vector<std::vector<std::size_t>> order;
  for (auto& [point, here] : points) order.push_back(here);
  shuffle_points(order);
  scheme.folds.resize(kThird);
  for (std::size_t i = 0; i < order.size(); ++i) {
    auto& fold = scheme.folds[i % kThird].samples;
    fold.insert(fold.end(), order[i].begin(), order[i].end());
  }
  return scheme;
}

}  // namespace

std::vector<Scheme> validation_schemes(std::span<const Sample> samples) {
  std::vector<Scheme> schemes;
  for (const Axis& axis : kAxes) schemes.push_back(along(axis, samples));
  schemes.push_back(machines(samples));
  schemes.push_back(thirds(samples));
  std::erase_if(schemes, [](const Scheme& scheme) { return scheme.folds.empty(); });
  return schemes;
}

std::vector<HeldOut> predict_held_out(const std::string& target, Method method, std::span<const Sample> samples,
                                      const std::vector<Scheme>& schemes) {
  std::vector<HeldOut> held_out;
  for (const Scheme& scheme : schemes) {
    for (const Scheme::Fold& fold : scheme.folds) {
      std::vector<bool> left_out(samples.size(), false);
      for (const std::size_t i : fold.samples) left_out[i] = true;
      std::vector<const Sample*> training;
      for (std::size_t i = 0; i < samples.size(); ++i) {
        if (!left_out[i] && samples[i].measured.contains(target)) training.push_back(&samples[i]);
      }
      if (training.empty()) continue;
      const TargetModel model = fit_target(target, method, training);
      for (const std::size_t i : fold.samples) {
        const auto measured = samples[i].measured.find(target);
        const double predicted = model.predict(samples[i].setting, samples[i].workload);
        if (measured == samples[i].measured.end() || predicted <= 0) continue;
        held_out.push_back({i, scheme.name, fold.edge, predicted, measured->second});
      }
    }
  }
  return held_out;
}

}  // namespace inferbench
