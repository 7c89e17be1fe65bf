// SPDX-License-Identifier: Apache-2.0
#include "results/run_folder.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <string_view>
#include <utility>

#include "results/attempts.hpp"
#include "results/folder_lock.hpp"
#include "results/model_identity.hpp"
#include "results/run_place.hpp"
#include "results/trial_lines.hpp"
#include "results/utc_time.hpp"
#include "support/error.hpp"
#include "support/output_file.hpp"
#include "support/write_error.hpp"

namespace inferbench {

namespace {

namespace fs = std::filesystem;

constexpr const char* kRunFile = "run.json";
constexpr const char* kTrialsFile = "trials.jsonl";
constexpr const char* kQualityFile = "quality.jsonl";
constexpr const char* kTeardownFile = "teardown.jsonl";

[[noreturn]] void fail(const std::string& what, const fs::path& path, int error_number, const std::string& cure) {
  throw Error(fmt::format("{} {}: {}", what, path.string(), std::strerror(error_number)), cure);
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

void sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    fail("cannot read", path, errno == 0 ? ENOENT : errno,
         "a run folder contains run.json and trials.jsonl; name that folder");
  }
  if (fs::is_directory(path)) fail("cannot read", path, EISDIR, "name the folder of the run");
  file.seekg(0, std::ios::end);
  std::string text(static_cast<std::size_t>(std::max<std::streamoff>(0, file.tellg())), '\0');
  file.seekg(0);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));  // the file may have shrunk
  return text;
}

void put_trials(RunData& data, std::vector<TrialRecord> records) {
  CountedRows chosen = choose_attempts(std::move(records));
  data.trials = std::move(chosen.trials);
  data.replaced = std::move(chosen.replaced);
}

// Moves the rows of that block from `rows` to the end of `block`.
void take_block(std::vector<TrialRecord>& rows, const TrialRecord& of, std::vector<TrialRecord>& block) {
  const auto others =
      std::stable_partition(rows.begin(), rows.end(), [&](const TrialRecord& row) { return !same_block(row, of); });
  block.insert(block.end(), std::make_move_iterator(others), std::make_move_iterator(rows.end()));
  rows.erase(others, rows.end());
}

// The file is always rewritten completely, so every line must be valid.
std::vector<QualityRecord> read_quality(const fs::path& path) {
  std::vector<QualityRecord> records;
  if (!fs::exists(path)) return records;
  std::istringstream lines(read_text(path));
  std::size_t number = 1;
  for (std::string line; std::getline(lines, line); ++number) {
    try {
      records.push_back(parse_quality_record(line));
    } catch (const Error& error) {
      throw Error(fmt::format("{}:{}: {}", path.string(), number, error.what()),
                  "the file was changed by something else; restore it or start a new run");
    }
  }
  return records;
}

std::string random_id() {
  std::random_device device;
  return fmt::format("{:08x}", device());
}

fs::path make_run_folder(const fs::path& parent) {
  const std::string cure = "choose another place with --out DIR";
  std::error_code error;
  fs::create_directories(parent, error);
  if (error) fail("cannot create", parent, error.value(), cure);
  for (int attempt = 0; attempt < 10; ++attempt) {
    const fs::path folder = parent / fmt::format("{}-{}", utc_for_file_names(), random_id());
    if (::mkdir(folder.c_str(), 0755) == 0) return fs::absolute(folder);
    if (errno != EEXIST) fail("cannot create", folder, errno, cure);
  }
  throw Error(fmt::format("cannot find a free folder name in {}", parent.string()), cure);
}

// Rows have the references of the time when they were written, perhaps before the run folder moved.
void follow_models(RunData& data) {
  const auto moved = [](const ModelIdentity& model) { return !model.earlier_references.empty(); };
  if (std::none_of(data.info.models.begin(), data.info.models.end(), moved)) return;
  for (auto* trials : {&data.trials, &data.replaced}) {
    for (TrialRecord& trial : *trials) trial.point.model = current_reference(data.info, trial.point.model);
  }
  for (QualityRecord& record : data.quality) record.model = current_reference(data.info, record.model);
}

RunInfo placed(RunInfo info, const fs::path& folder) {
  const fs::path experiment = info.experiment_file;
  if (experiment.is_absolute()) {
    info.experiment_folder_from_run = experiment.parent_path().lexically_relative(folder.lexically_normal()).string();
  }
  return info;
}

}  // namespace

RunInfo read_run_info(const fs::path& run_json) {
  return parse_run_info(read_text(run_json), run_json);
}

RunData read_run(const fs::path& folder) {
  RunData data;
  data.info = read_run_info(folder / kRunFile);
  const fs::path trials = folder / kTrialsFile;
  if (fs::exists(trials)) put_trials(data, read_trial_lines(trials).records);
  data.quality = read_quality(folder / kQualityFile);
  data.teardown = read_teardown(folder / kTeardownFile);
  follow_models(data);
  return data;
}

RunFolder RunFolder::create(const fs::path& root, const RunInfo& info) {
  const fs::path folder = make_run_folder(root / info.name);
  try {
    RunFolder run = create_at(folder, info);
    sync_folder(folder.parent_path());
    link_latest(folder);
    return run;
  } catch (...) {  // for example a full disk: leave no folder that looks like a run
    std::error_code ignored;
    fs::remove_all(folder, ignored);
    throw;
  }
}

RunFolder RunFolder::create_at(const fs::path& folder, const RunInfo& info) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail("cannot create", folder, error.value(), "choose another folder");
  const fs::path absolute = fs::absolute(folder).lexically_normal();
  const fs::path trials = absolute / kTrialsFile;
  RunFolder run(absolute, RunData{placed(info, absolute), {}, {}, {}}, open_locked(trials));
  // Another process may have come first; a start that was killed before run.json leaves an empty file.
  if (fs::exists(absolute / kRunFile) || fs::file_size(trials, error) != 0) {
    throw Error(fmt::format("{} already contains a run", absolute.string()), "continue it, or choose another folder");
  }
  write_file(absolute / kRunFile, to_json_text(run.info()));
  sync_folder(absolute);
  return run;
}

RunFolder RunFolder::resume(const fs::path& folder) {
  const fs::path absolute = fs::absolute(folder);
  RunInfo info = read_run_info(absolute / kRunFile);
  const fs::path trials = absolute / kTrialsFile;
  RunFolder run(absolute, RunData{std::move(info), {}, {}, {}}, open_locked(trials));
  const std::string text = read_text(trials);
  TrialLines parsed = parse_trial_lines(text, trials);
  if (parsed.good_bytes != text.size() && ftruncate(run.fd_, static_cast<off_t>(parsed.good_bytes)) != 0) {
    fail("cannot remove the half-written last line of", trials, errno, "check the file's permissions");
  }
  put_trials(run.data_, std::move(parsed.records));
  run.data_.quality = read_quality(absolute / kQualityFile);
  run.data_.teardown = read_teardown(absolute / kTeardownFile);
  follow_models(run.data_);
  return run;
}

RunFolder::RunFolder(fs::path path, RunData data, LockedFile trials)
    : path_(std::move(path)), data_(std::move(data)), fd_(trials.fd), lock_weakness_(std::move(trials.weakness)) {}

RunFolder::RunFolder(RunFolder&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::move(other.data_)),
      fd_(std::exchange(other.fd_, -1)),
      lock_weakness_(std::move(other.lock_weakness_)) {}

RunFolder::~RunFolder() {
  if (fd_ >= 0) close(fd_);
}

void RunFolder::describe(RunInfo info) {
  data_.info = std::move(info);
  follow_models(data_);
  write_file(path_ / kRunFile, to_json_text(data_.info));
}

void RunFolder::write_lines(const std::string& lines) {
  const off_t before = lseek(fd_, 0, SEEK_END);
  if (before < 0 || !write_all(fd_, lines) || fsync(fd_) != 0) {
    const int error_number = errno;
    const bool restored = before >= 0 && ftruncate(fd_, before) == 0;
    fail("cannot write", path_ / kTrialsFile, error_number,
         fmt::format("{}{}; then: inferbench run --resume {}",
                     restored ? "" : "(the last line may be half-written: --resume drops it) ",
                     write_cure(error_number), path_.string()));
  }
}

void RunFolder::append_all(const RunData& rows) {
  constexpr std::size_t kPiece = std::size_t{1} << 22U;
  std::string lines;
  const auto add = [&](const TrialRecord& record) {
    lines += to_json_line(record) + "\n";
    if (lines.size() < kPiece) return;
    write_lines(lines);
    lines.clear();
  };
  std::vector<const TrialRecord*> sorted;
  for (const auto* part : {&rows.trials, &rows.replaced}) {
    for (const TrialRecord& trial : *part) sorted.push_back(&trial);
  }
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const TrialRecord* a, const TrialRecord* b) { return a->attempt < b->attempt; });
  for (const TrialRecord* row : sorted) add(*row);
  if (!lines.empty()) write_lines(lines);
  data_.trials = rows.trials;
  data_.replaced = rows.replaced;
  for (const QualityRecord& record : rows.quality) append(record);
  for (const TeardownRecord& record : rows.teardown) append(record);
}

void RunFolder::append(TrialRecord record) {
  write_lines(to_json_line(record) + "\n");
  if (record.attempt == 0) {
    data_.trials.push_back(std::move(record));
    return;
  }
  std::vector<TrialRecord> block;
  take_block(data_.replaced, record, block);
  take_block(data_.trials, record, block);
  block.push_back(std::move(record));
  CountedRows chosen = choose_attempts(std::move(block));
  std::move(chosen.trials.begin(), chosen.trials.end(), std::back_inserter(data_.trials));
  std::move(chosen.replaced.begin(), chosen.replaced.end(), std::back_inserter(data_.replaced));
}

void RunFolder::append(QualityRecord record) {
  std::string text;
  for (const QualityRecord& earlier : data_.quality) text += to_json_line(earlier) + "\n";
  write_file(path_ / kQualityFile, text + to_json_line(record) + "\n");
  data_.quality.push_back(std::move(record));
}

void RunFolder::append(const TeardownRecord& record) {
  add_teardown(data_.teardown, record);
  write_file(path_ / kTeardownFile, to_json_lines(data_.teardown));
}

}  // namespace inferbench
