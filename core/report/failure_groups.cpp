// SPDX-License-Identifier: Apache-2.0
#include "report/failure_groups.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "report/number_text.hpp"
#include "results/skip_error.hpp"
#include "support/counted.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

constexpr std::size_t kReasonInASentence = 160;

// Replaces each number by one '#', so that two messages about the same fault become equal.
std::string without_numbers(std::string_view text) {
  std::string shape;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit) shape += c;
    if (digit && !shape.ends_with('#')) shape += '#';
  }
  return shape;
}

class Grouping {
 public:
  void add(const std::string& contender, const FailureCount& failure, std::size_t point) {
    const std::string_view before = skipped_after(failure.error);
    FailureGroup& group = before.empty() ? group_of(contender, failure.status, failure.error)
                                         : group_skipped_after(contender, before, failure);
    (before.empty() ? group.trials : group.skipped) += failure.count;
    if (group.points.empty() || group.points.back() != point) group.points.push_back(point);
    if (group.stderr_tail.empty()) group.stderr_tail = failure.stderr_tail;
  }

  void add(const QualityRecord& record) {
    FailureGroup& group = group_of(record.contender, record.status, "quality: " + record.error);
    if (group.stderr_tail.empty()) group.stderr_tail = record.stderr_tail;
  }

  std::vector<FailureGroup> take() {
    std::stable_partition(groups_.begin(), groups_.end(),
                          [](const FailureGroup& group) { return group.status == TrialStatus::kWrongOutput; });
    return std::move(groups_);
  }

 private:
  using Key = std::tuple<std::string, TrialStatus, std::string>;

  FailureGroup& group_of(const std::string& contender, TrialStatus status, std::string_view error) {
    const auto [place, is_new] = places_.emplace(Key{contender, status, without_numbers(error)}, groups_.size());
    if (is_new) {
      FailureGroup& group = groups_.emplace_back();
      group.contender = contender;
      group.status = status;
      group.error = error;
    }
    FailureGroup& group = groups_[place->second];
    group.varies = group.varies || group.error != error;
    return group;
  }

  // The group of the failure after which the trials were skipped; their own group if there is none.
  FailureGroup& group_skipped_after(const std::string& contender, std::string_view error, const FailureCount& failure) {
    const std::string shape = without_numbers(error);
    for (const auto& [key, place] : places_) {
      if (std::get<0>(key) == contender && std::get<2>(key) == shape) return groups_[place];
    }
    return group_of(contender, failure.status, error);
  }

  std::vector<FailureGroup> groups_;
  std::map<Key, std::size_t> places_;
};

std::size_t recorded_of(const Comparison& comparison, const std::string& contender) {
  std::size_t recorded = 0;
  for (const PointResult& point : comparison.points) {
    for (const ContenderResult& result : point.contenders) {
      if (result.contender == contender) recorded += result.recorded;
    }
  }
  return recorded;
}

std::string wrong_sentence(const FailureGroup& group, const Comparison& comparison) {
  const std::string reason = one_line(failure_reason(group), kReasonInASentence);
  if (group.trials == 0) return fmt::format("Wrong output: {} ({}).", group.contender, reason);
  return fmt::format("Wrong output: {} in {} of {} ({}).", group.contender, group.trials,
                     counted(recorded_of(comparison, group.contender), "trial"), reason);
}

}  // namespace

std::vector<FailureGroup> failure_groups(const Comparison& comparison, const std::vector<QualityRecord>& quality) {
  Grouping grouping;
  for (std::size_t i = 0; i < comparison.points.size(); ++i) {
    for (const ContenderResult& result : comparison.points[i].contenders) {
      for (const FailureCount& failure : result.failures) grouping.add(result.contender, failure, i);
    }
  }
  for (const QualityRecord& record : quality) {
    if (!record.ok()) grouping.add(record);
  }
  return grouping.take();
}

std::string failure_extent(const FailureGroup& group, const Comparison& comparison) {
  if (group.trials + group.skipped == 0) return "in the quality measurement";
  std::string text = counted(group.trials, "trial");
  const std::size_t all = comparison.points.size();
  if (all > 1) {
    text += group.points.size() == all ? fmt::format(" at all {}", counted(all, "point"))
                                       : fmt::format(" at {} of {}", group.points.size(), counted(all, "point"));
  }
  if (group.skipped > 0) text += fmt::format(", then {} skipped", group.skipped);
  return text;
}

std::string failure_reason(const FailureGroup& group) {
  return (group.varies ? "such as: " : "") + group.error;
}

std::vector<std::string> failure_sentences(const std::vector<FailureGroup>& groups, const Comparison& comparison) {
  std::vector<std::string> sentences;
  std::vector<std::string> order;
  std::map<std::string, std::map<TrialStatus, std::size_t>> counts;
  for (const FailureGroup& group : groups) {
    if (group.status == TrialStatus::kWrongOutput) {
      sentences.push_back(wrong_sentence(group, comparison));
      if (group.skipped == 0) continue;
    }
    auto& of_contender = counts[group.contender];
    if (of_contender.empty()) order.push_back(group.contender);
    if (group.status != TrialStatus::kWrongOutput) of_contender[group.status] += group.trials;
    if (group.skipped > 0) of_contender[TrialStatus::kSkipped] += group.skipped;
  }
  for (const std::string& contender : order) {
    std::size_t failed = 0;
    std::string list;
    for (const auto& [status, count] : counts[contender]) {
      if (count == 0) continue;
      failed += count;
      list += fmt::format("{}{} {}", list.empty() ? "" : ", ", count, to_string(status));
    }
    if (failed == 0) {  // only the quality measurement failed
      sentences.push_back(fmt::format("{}: its quality could not be measured.", contender));
      continue;
    }
    sentences.push_back(fmt::format("{} failed in {} of {}: {}.", contender, failed,
                                    counted(recorded_of(comparison, contender), "trial"), list));
  }
  return sentences;
}

}  // namespace inferbench
