// SPDX-License-Identifier: Apache-2.0
#include "model_limit.hpp"

#include <algorithm>
#include <stdexcept>

#include "stats/summary.hpp"

namespace inferbench::bench {
namespace {

using machine_kernels::Walk;

constexpr std::array kWalks = {Walk::kPlain, Walk::kPrefetched, Walk::kFourStreams};
constexpr double kReadSeconds = 0.03;
constexpr double kPeakSeconds = 0.004;

std::size_t slice_of(std::uint64_t bytes, std::size_t threads) {
  constexpr std::uint64_t kPage = 4096;
  return static_cast<std::size_t>((bytes / threads + kPage - 1) / kPage * kPage);
}

}  // namespace

double median(std::vector<double> values) {
  const auto summary = summarize(values);
  if (!summary) throw std::invalid_argument("median of nothing");
  return summary->median;
}

ReadLimit::ReadLimit(MachineTeam& team, std::uint64_t bytes)
    : team_(team), slice_(slice_of(bytes, team.size())), buffer_(slice_ * team.size()), kernel_(read_kernels().back()) {
  team_.run([this](std::size_t thread) { std::fill_n(buffer_.data() + thread * slice_, slice_, '\1'); });
}

void ReadLimit::sample() {
  for (std::size_t i = 0; i < kWalks.size(); ++i) {
    double seconds = 0;
    double passes = 0;
    for (; seconds < kReadSeconds; ++passes) {
      seconds +=
          team_.run([&](std::size_t thread) { kernel_.run(buffer_.data() + thread * slice_, slice_, kWalks[i]); });
    }
    samples_[i].push_back(static_cast<double>(buffer_.size()) * passes / seconds);
  }
}

double ReadLimit::per_second() const {
  double best = 0;
  for (const std::vector<double>& samples : samples_) best = std::max(best, median(samples));
  return best;
}

IntegerLimit::IntegerLimit(MachineTeam& team, std::string_view isa) : team_(team), kernel_(int8_kernels().back()) {
  for (const machine_kernels::PeakKernel& kernel : int8_kernels()) {
    if (kernel.isa == isa) kernel_ = kernel;
  }
  while (seconds() < kPeakSeconds) turns_ *= 2;
}

double IntegerLimit::seconds() {
  return team_.run([this](std::size_t) { kernel_.run(turns_); });
}

void IntegerLimit::sample() {
  const double operations = static_cast<double>(kernel_.operations) * static_cast<double>(turns_);
  samples_.push_back(operations * static_cast<double>(team_.size()) / seconds());
}

double IntegerLimit::per_second() const {
  return median(samples_);
}

}  // namespace inferbench::bench
