// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "results/folder_lock.hpp"
#include "results/quality_record.hpp"
#include "results/run_info.hpp"
#include "results/teardown_record.hpp"
#include "results/trial_record.hpp"

namespace inferbench {

/// Contents of a run folder, read without a lock.
struct RunData {
  RunInfo info;
  std::vector<TrialRecord> trials;         ///< the rows that count, one per planned trial: see choose_attempts
  std::vector<TrialRecord> replaced{};     ///< the rows of the other attempts
  std::vector<QualityRecord> quality{};    ///< from quality.jsonl: one row per contender and model
  std::vector<TeardownRecord> teardown{};  ///< from teardown.jsonl: backends that did not shut down cleanly
};

/// Reads run.json, given the path of the file itself. Throws Error.
RunInfo read_run_info(const std::filesystem::path& run_json);

/// Ignores a half-written last line of trials.jsonl. Throws Error that names the file and the line.
RunData read_run(const std::filesystem::path& folder);

/// A run folder open for writing: run.json, trials.jsonl, quality.jsonl and teardown.jsonl. Holds a lock until it is
/// destroyed. Move-only.
class RunFolder {
 public:
  /// Creates ROOT/<name>/<UTC time>-<id>/ and writes run.json. Throws Error.
  static RunFolder create(const std::filesystem::path& root, const RunInfo& info);

  /// Makes `folder` itself a run folder and writes run.json. Throws Error, also if it contains a run.
  static RunFolder create_at(const std::filesystem::path& folder, const RunInfo& info);

  /// Opens the folder of an earlier run and removes a half-written last line of trials.jsonl. Throws Error, also if
  /// another process holds the lock.
  static RunFolder resume(const std::filesystem::path& folder);

  RunFolder(RunFolder&& other) noexcept;
  RunFolder& operator=(RunFolder&& other) = delete;
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;
  ~RunFolder();

  /// Replaces the description of the run, for example after its files moved (moved_run). run.json is rewritten.
  void describe(RunInfo info);

  /// Appends one line and waits until it is on disk. Within a block, lower attempts come first. On failure, removes the
  /// partial line if possible and throws Error.
  void append(TrialRecord record);

  /// Writes the rows of a merged run into a new folder, a few megabytes at a time. Throws Error.
  void append_all(const RunData& rows);

  /// The same for a row of quality.jsonl. The file is rewritten.
  void append(QualityRecord record);

  /// Adds a fault to teardown.jsonl. The file is rewritten.
  void append(const TeardownRecord& record);

  const std::filesystem::path& path() const { return path_; }
  /// Why another process might write to this folder at the same time; empty if the lock prevents it.
  const std::string& lock_weakness() const { return lock_weakness_; }
  const RunInfo& info() const { return data_.info; }
  /// Rows of earlier runs and appended rows, in order: for each planned trial, the row that counts so far.
  const std::vector<TrialRecord>& trials() const { return data_.trials; }
  /// Rows of the other attempts at repeated trials.
  const std::vector<TrialRecord>& replaced() const { return data_.replaced; }
  const std::vector<QualityRecord>& quality() const { return data_.quality; }
  const RunData& data() const { return data_; }

 private:
  RunFolder(std::filesystem::path path, RunData data, LockedFile trials);

  void write_lines(const std::string& lines);

  std::filesystem::path path_;
  RunData data_;
  int fd_ = -1;  ///< of trials.jsonl, locked
  std::string lock_weakness_;
};

}  // namespace inferbench
