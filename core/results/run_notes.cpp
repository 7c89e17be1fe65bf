// SPDX-License-Identifier: Apache-2.0
#include "results/run_notes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "experiment/point_text.hpp"
#include "results/median_gaps.hpp"
#include "results/memory_check.hpp"
#include "results/model_identity.hpp"
#include "results/node_differences.hpp"
#include "results/server_notes.hpp"
#include "results/trial_outliers.hpp"
#include "support/counted.hpp"

namespace inferbench {

namespace {

constexpr double kMiB = 1024.0 * 1024.0;
constexpr double kNearlyAll = 0.99;  // of a file's pages
constexpr double kNearlyNone = 0.01;
constexpr std::size_t kListed = 5;
constexpr double kBusyBeyondThreads = 1.2;  // of the threads; less may come from the clocks
constexpr double kLeastExcessS = 0.05;

std::string_view was_or_were(std::size_t count) {
  return count == 1 ? "was" : "were";
}

void note_disturbed(const RunData& run, std::vector<std::string>& notes) {
  const auto disturbed = [](const TrialRecord& trial) { return trial.disturbed(); };
  const auto n = static_cast<std::size_t>(std::count_if(run.trials.begin(), run.trials.end(), disturbed));
  if (!run.replaced.empty()) {
    notes.push_back(
        fmt::format("{} {} run again because a trial of the block was disturbed: the attempt with the fewest disturbed "
                    "trials is included, the others stay in trials.jsonl",
                    counted(run.replaced.size(), "trial"), was_or_were(run.replaced.size())));
  }
  if (n == 0) return;
  // The worst one: behind the first, which may have waited a few ms, a trial that was stopped must not go unseen.
  const auto less_lost = [](const TrialRecord& a, const TrialRecord& b) {
    if (a.disturbed() != b.disturbed()) return b.disturbed();
    return lost_ms(a.outcome.interference) < lost_ms(b.outcome.interference);
  };
  const auto worst = std::max_element(run.trials.begin(), run.trials.end(), less_lost);
  notes.push_back(fmt::format("{} of {} {} disturbed but {} included, {} {}: {}", n,
                              counted(run.trials.size(), "trial"), was_or_were(n), n == 1 ? "is" : "are",
                              n == 1 ? "namely" : "the worst", worst->id, worst->disturbed_by));
}

void note_processes(const RunData& run, std::vector<std::string>& notes) {
  if (run.info.fresh_processes.value_or(true)) return;
  notes.emplace_back("measure.fresh_processes is off: the intervals do not include the variation between processes");
}

bool has_shared_prefixes(const RunData& run) {
  return std::any_of(run.info.points.begin(), run.info.points.end(),
                     [](const Point& point) { return point.shared_prefix_tokens > 0; });
}

void note_shared_prefixes(const RunData& run, std::vector<std::string>& notes) {
  if (!has_shared_prefixes(run)) return;
  notes.emplace_back(
      "points with a shared prefix: all their prompts begin with the same tokens, so a backend that keeps prefixes of "
      "earlier prompts is faster there");
}

void note_prompt_caches(const RunData& run, std::vector<std::string>& notes) {
  for (const PluginIdentity& plugin : run.info.plugins) {
    if (!plugin.prompt_cache || !run.info.prompt_notes.empty()) continue;  // those notes are more specific
    notes.push_back(
        fmt::format("{} declares a prompt cache; every measured prompt was new to its process{}", plugin.contender,
                    has_shared_prefixes(run) ? ", except for shared prefixes" : ", so the cache could not help"));
  }
}

void note_caches(const RunData& run, std::vector<std::string>& notes) {
  std::set<std::string> seen;
  for (const TrialRecord& trial : run.trials) {
    if (!trial.load.page_cache_share) continue;
    const double share = *trial.load.page_cache_share;
    const bool wrong =
        (trial.load.cache == "cold" && share > kNearlyNone) || (trial.load.cache == "warm" && share < kNearlyAll);
    if (!wrong || !seen.insert(trial.contender).second) continue;
    notes.push_back(
        fmt::format("{} should have been loaded with a {} page cache, but {:.0f}% of its files were in memory",
                    trial.contender, trial.load.cache, 100 * share));
  }
}

// For each contender, the trial with the largest disagreement.
void note_memory(const RunData& run, std::vector<std::string>& notes) {
  std::map<std::string, MemoryCheck> worst;
  for (const TrialRecord& trial : run.trials) {
    const auto check = check_memory(trial);
    if (!check || !check->disagrees()) continue;
    const auto [known, is_new] = worst.emplace(trial.contender, *check);
    if (!is_new && std::abs(check->disagreement()) > std::abs(known->second.disagreement())) known->second = *check;
  }
  for (const auto& [contender, check] : worst) {
    notes.push_back(fmt::format("{} used {:.0f} MiB but reports {:.0f} MiB ({:+.0f}%)", contender,
                                static_cast<double>(check.measured) / kMiB, static_cast<double>(check.reported) / kMiB,
                                100 * check.disagreement()));
  }
}

// CPUs that the process kept busy on average from the prompt to the last token; nullopt if that is no more than its
// threads can.
std::optional<double> cpus_beyond_threads(const TrialRecord& trial) {
  if (!trial.ok() || !trial.outcome.used || !trial.outcome.measured()) return std::nullopt;
  const double wall_s = trial.outcome.wall_s();
  const double threads = trial.point.threads;
  const double cpu_s = trial.outcome.used->cpu_s;
  if (wall_s <= 0 || cpu_s - threads * wall_s < kLeastExcessS) return std::nullopt;
  if (cpu_s < kBusyBeyondThreads * threads * wall_s) return std::nullopt;
  return cpu_s / wall_s;
}

// A backend that takes more CPUs than the point allows is compared with others that do not.
void note_busy_threads(const RunData& run, std::vector<std::string>& notes) {
  struct Found {
    std::size_t n = 0;
    double most = 0;
    const TrialRecord* at = nullptr;
  };
  std::map<std::string, Found> found;
  for (const TrialRecord& trial : run.trials) {
    const auto cpus = cpus_beyond_threads(trial);
    if (!cpus) continue;
    Found& one = found[trial.contender];
    ++one.n;
    if (*cpus <= one.most) continue;
    one.most = *cpus;
    one.at = &trial;
  }
  for (const auto& [contender, one] : found) {
    notes.push_back(
        fmt::format("{} kept {:.1f} CPUs busy with {} ({} in all): it computes in more threads than it is told",
                    contender, one.most, counted(one.at->point.threads, "thread"), counted(one.n, "trial")));
  }
}

// Without it, energy cannot be told from that of a device that only waits.
void note_idle_power(const RunData& run, std::vector<std::string>& notes) {
  std::vector<std::string> known;
  for (const IdlePower& idle : run.info.idle_power) {
    if (idle.watts) known.push_back(fmt::format("{} {:.1f} W", idle.source, *idle.watts));
  }
  if (known.empty()) return;
  notes.push_back(
      fmt::format("energy includes the idle power; before the first trial it was {}", fmt::join(known, ", ")));
}

// Unknown peaks, which are left out of all statistics.
void note_unknown_peaks(const RunData& run, std::vector<std::string>& notes) {
  const auto unknown = [](const TrialRecord& trial) { return trial.ok() && !trial.outcome.peak_unknown.empty(); };
  const auto n = std::count_if(run.trials.begin(), run.trials.end(), unknown);
  if (n == 0) return;
  const auto first = std::find_if(run.trials.begin(), run.trials.end(), unknown);
  notes.push_back(fmt::format("peak_rss_bytes is unknown for {} of {}, such as {}: {}", n,
                              counted(run.trials.size(), "trial"), first->id, first->outcome.peak_unknown));
}

void note_loads(const RunData& run, std::vector<std::string>& notes) {
  std::set<std::string> seen;
  for (const TrialRecord& trial : run.trials) {
    const std::vector<std::string> found = find_standstills(trial.load.standstill, trial.load.load_ms * 1e-3);
    if (found.empty() || !seen.insert(trial.contender).second) continue;
    notes.push_back(fmt::format("a load of {} was disturbed, and its load_ms includes that time: {}", trial.contender,
                                fmt::join(found, ", ")));
  }
}

void note_teardown(const RunData& run, std::vector<std::string>& notes) {
  for (const TeardownRecord& record : run.teardown) {
    notes.push_back(fmt::format("{} did not shut down cleanly in {}: {}; its trials had already ended",
                                record.contender, counted(record.workers, "worker"), record.fault));
  }
}

void note_tried_alone(const RunData& run, std::vector<std::string>& notes) {
  std::set<std::string> seen;
  for (const TrialRecord& trial : run.trials) {
    if (trial.outcome.note.empty() || !seen.insert(trial.contender + trial.outcome.note).second) continue;
    notes.push_back(fmt::format("{}: {} (first at {})", trial.contender, trial.outcome.note,
                                point_title(model_name(run.info, trial.point.model), trial.point)));
  }
}

// One note per contender, however many outliers it has.
void note_outliers(const RunData& run, const TrialIndex& index, std::vector<std::string>& notes) {
  struct Group {
    OutlyingTrial first;
    std::size_t count = 0;
  };
  std::map<std::string, Group> groups;
  for (const OutlyingTrial& outlier : outlying_trials(run, index)) {
    ++groups.emplace(outlier.trial->contender, Group{outlier, 0}).first->second.count;
  }
  for (const auto& [contender, group] : groups) {
    const TrialRecord& trial = *group.first.trial;
    notes.push_back(fmt::format("{} of {} {} far from the others but included, such as {} at {}, block {}",
                                counted(group.count, "value"), contender, group.count == 1 ? "is" : "are",
                                group.first.metric, point_title(model_name(run.info, trial.point.model), trial.point),
                                trial.block));
  }
}

// Tables show medians and speeds, so a note explains where dividing the medians gives a different speed.
void note_medians(const RunData& run, const TrialIndex& index, std::vector<std::string>& notes) {
  const std::vector<MedianGap> found = median_gaps(run, index);
  for (std::size_t i = 0; i < std::min(found.size(), kListed); ++i) {
    const MedianGap& gap = found[i];
    const Point& point = run.info.points[gap.point];
    const std::string interval =
        gap.speed.interval ? fmt::format(" ({:.3g}-{:.3g})", gap.speed.interval->low, gap.speed.interval->high) : "";
    notes.push_back(fmt::format(
        "{} of {} at {}: the medians' ratio is {:.3g}x, the speed within blocks {:.3g}x{}. The machine or the backend "
        "changed between blocks; the speed compares trials of the same block, so trust the speed",
        gap.metric, gap.contender, point_title(model_name(run.info, point.model), point), gap.of_medians,
        gap.speed.ratio, interval));
  }
  if (found.size() > kListed) {
    notes.push_back(fmt::format("the speed differs from the ratio of the medians in {}",
                                counted(found.size() - kListed, "more case")));
  }
}

// "n1 (12 points), n2 (11 points)"
std::string nodes_text(const std::map<std::string, std::size_t>& points) {
  std::vector<std::string> texts;
  for (const auto& [node, count] : points) {
    if (texts.size() < kListed) texts.push_back(fmt::format("{} ({})", node, counted(count, "point")));
  }
  const std::size_t more = points.size() - texts.size();
  return fmt::format("{}{}", fmt::join(texts, ", "), more == 0 ? "" : fmt::format(" and {} more", more));
}

void note_nodes(const RunData& run, std::vector<std::string>& notes) {
  const std::map<std::string, std::size_t> points = points_by_node(run);
  if (points.size() < 2) return;
  notes.push_back(fmt::format("the points ran on {}: {}; speeds are compared only within a node",
                              counted(points.size(), "node"), nodes_text(points)));
  for (const NodeDifference& found : find_node_differences(run)) {
    const std::string in = found.metric.empty() ? "the fixed work before each trial" : found.metric;
    const std::string others = found.others == 1 ? std::string(", which has the same CPU")
                                                 : fmt::format(", and {} than {} of the {} with its CPU",
                                                               found.speed.ratio < 1 ? "slower" : "faster",
                                                               found.differs, counted(found.others, "other node"));
    notes.push_back(fmt::format("the node {} stands out in {}: {:.3g}x ({:.3g}-{:.3g}) the speed of {}{}{}", found.node,
                                in, found.speed.ratio, found.speed.interval->low, found.speed.interval->high,
                                found.nearest, others,
                                found.metric.empty() ? "; its points would have other speeds elsewhere" : ""));
  }
}

}  // namespace

std::vector<std::string> run_notes(const RunData& run) {
  std::vector<std::string> notes = run.info.prompt_notes;
  note_nodes(run, notes);
  note_processes(run, notes);
  note_shared_prefixes(run, notes);
  note_prompt_caches(run, notes);
  note_disturbed(run, notes);
  note_caches(run, notes);
  note_memory(run, notes);
  note_busy_threads(run, notes);
  add_server_notes(run, notes);
  note_idle_power(run, notes);
  note_unknown_peaks(run, notes);
  note_loads(run, notes);
  note_teardown(run, notes);
  note_tried_alone(run, notes);
  const TrialIndex index(run);
  note_medians(run, index, notes);
  note_outliers(run, index, notes);
  return notes;
}

}  // namespace inferbench
