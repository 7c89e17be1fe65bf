// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "results/quality_record.hpp"
#include "results/run_info.hpp"
#include "results/teardown_record.hpp"
#include "results/trial_record.hpp"

namespace inferbench {

/// What a run folder holds, read without a lock.
struct RunData {
  RunInfo info;
  std::vector<TrialRecord> trials;         ///< the rows that count, one for each planned trial: see choose_attempts
  std::vector<TrialRecord> replaced{};     ///< those of the other attempts, kept
  std::vector<QualityRecord> quality{};    ///< of quality.jsonl: a row for each contender and model
  std::vector<TeardownRecord> teardown{};  ///< of teardown.jsonl: backends that did not end well
};

/// run.json by its own path. Throws Error.
RunInfo read_run_info(const std::filesystem::path& run_json);

/// A half-written last line of trials.jsonl is left out. Throws Error that names the file and the line.
RunData read_run(const std::filesystem::path& folder);

/// A run folder open for writing: run.json, trials.jsonl, quality.jsonl and teardown.jsonl. Holds a lock until it is
/// destroyed; move-only.
class RunFolder {
 public:
  /// Makes ROOT/<name>/<UTC time>-<id>/ and writes run.json. Throws Error.
  static RunFolder create(const std::filesystem::path& root, const RunInfo& info);

  /// Opens a folder that an earlier run left, and cuts a half-written last line off trials.jsonl. Throws Error, also
  /// where another process holds the lock.
  static RunFolder resume(const std::filesystem::path& folder);

  RunFolder(RunFolder&& other) noexcept;
  RunFolder& operator=(RunFolder&& other) = delete;
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;
  ~RunFolder();

  /// Takes another description of the same run, such as where its files are now (moved_run); run.json is replaced
  /// whole.
  void describe(RunInfo info);

  /// Appends one line and waits until it is on the disk; of a block, lower attempts come first. On failure the file is
  /// as it was before, and Error is thrown.
  void append(TrialRecord record);

  /// The same for a row of quality.jsonl; the file is replaced whole.
  void append(QualityRecord record);

  /// Counts a fault in teardown.jsonl; the file is replaced whole.
  void append(const TeardownRecord& record);

  const std::filesystem::path& path() const { return path_; }
  const RunInfo& info() const { return data_.info; }
  /// Those of earlier runs and those appended, in order; of each planned trial the row that counts so far.
  const std::vector<TrialRecord>& trials() const { return data_.trials; }
  /// Those of the other attempts at trials that were run again.
  const std::vector<TrialRecord>& replaced() const { return data_.replaced; }
  const std::vector<QualityRecord>& quality() const { return data_.quality; }
  const RunData& data() const { return data_; }

 private:
  RunFolder(std::filesystem::path path, RunData data, int fd);

  std::filesystem::path path_;
  RunData data_;
  int fd_ = -1;  ///< of trials.jsonl, locked
};

}  // namespace inferbench
