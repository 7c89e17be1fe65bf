// SPDX-License-Identifier: Apache-2.0
#include "results/trial_lines.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "results/trial_parser.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

constexpr std::size_t kChunkBytes = std::size_t{4} << 20U;  // a thread is not worth starting for less
constexpr std::size_t kMostThreads = 16;
constexpr std::size_t kShortestRow = 256;  // bytes; a file of empty lines must not reserve gigabytes

/// Puts the file's next part into `chunk`, whose memory it reuses. A part consists of complete lines; only the last one
/// may end within a line. Empty at the end.
using NextChunk = std::function<void(std::string& chunk)>;

// Complete lines, parsed up to the first one that is not a record.
struct ParsedChunk {
  std::vector<TrialRecord> records;
  std::size_t good_bytes = 0;
  std::optional<std::string> error;  // of the line at good_bytes
  bool error_is_last = false;        // nothing follows that line in its chunk
};

ParsedChunk parse_chunk(std::string_view text, TrialParser& parser) {
  ParsedChunk chunk;
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  chunk.records.reserve(std::min(lines, text.size() / kShortestRow));
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string_view::npos) break;
    try {
      chunk.records.push_back(parser.parse(text.substr(begin, end - begin)));
    } catch (const Error& error) {
      chunk.error = error.what();
      chunk.error_is_last = end + 1 == text.size();
      break;
    }
    begin = end + 1;
    chunk.good_bytes = begin;
  }
  return chunk;
}

// Hands chunks to threads and collects the results in file order. Only the chunks being parsed are in memory.
class ChunkedParse {
 public:
  explicit ChunkedParse(NextChunk next) : next_(std::move(next)) {}

  std::vector<ParsedChunk> run(std::size_t threads) {
    std::vector<std::future<void>> others;
    for (std::size_t i = 1; i < threads; ++i) others.push_back(std::async(std::launch::async, [this] { work(); }));
    work();
    for (auto& other : others) other.get();
    return std::move(parsed_);
  }

 private:
  void work() {
    TrialParser parser;
    std::string text;
    for (;;) {
      const std::size_t place = take(text);
      if (text.empty()) return;
      ParsedChunk chunk = parse_chunk(text, parser);
      const std::lock_guard lock(mutex_);
      parsed_[place] = std::move(chunk);
    }
  }

  // Returns the place of that part in the file.
  std::size_t take(std::string& text) {
    const std::lock_guard lock(mutex_);
    next_(text);
    const std::size_t place = parsed_.size();
    if (!text.empty()) parsed_.emplace_back();
    return place;
  }

  std::mutex mutex_;
  NextChunk next_;
  std::vector<ParsedChunk> parsed_;
};

std::size_t threads_for(std::uintmax_t bytes) {
  const std::size_t threads = std::min<std::size_t>(kMostThreads, std::max(1U, std::thread::hardware_concurrency()));
  return static_cast<std::size_t>(std::clamp<std::uintmax_t>(bytes / kChunkBytes, 1, threads));
}

TrialLines join(std::vector<ParsedChunk> chunks, const std::filesystem::path& path) {
  TrialLines lines;
  std::size_t n = 0;
  for (const ParsedChunk& chunk : chunks) n += chunk.records.size();
  lines.records.reserve(n);
  for (ParsedChunk& chunk : chunks) {
    lines.good_bytes += chunk.good_bytes;
    std::move(chunk.records.begin(), chunk.records.end(), std::back_inserter(lines.records));
    std::vector<TrialRecord>().swap(chunk.records);  // so that the records are never in memory twice
    if (!chunk.error) continue;
    if (chunk.error_is_last && &chunk == &chunks.back()) break;
    throw Error(fmt::format("{}:{}: {}", path.string(), lines.records.size() + 1, *chunk.error),
                "the file was changed by something else; restore it or start a new run");
  }
  return lines;
}

// Reads a chunk, then on to the end of its last line or of the file.
void read_chunk(std::ifstream& file, std::string& chunk) {
  chunk.resize(kChunkBytes);
  file.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
  chunk.resize(static_cast<std::size_t>(file.gcount()));
  if (chunk.empty() || chunk.back() == '\n') return;
  std::string rest;
  if (std::getline(file, rest)) {
    chunk += rest;
    if (!file.eof()) chunk += '\n';
  }
}

}  // namespace

TrialLines parse_trial_lines(std::string_view text, const std::filesystem::path& path) {
  const std::size_t bytes = text.size();
  const auto next = [text](std::string& chunk) mutable {
    const std::size_t end = text.find('\n', std::min(kChunkBytes, text.size()));
    chunk = text.substr(0, end == std::string_view::npos ? text.size() : end + 1);
    text.remove_prefix(chunk.size());
  };
  return join(ChunkedParse(next).run(threads_for(bytes)), path);
}

TrialLines read_trial_lines(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw Error(fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)), "check the file's permissions");
  }
  const auto next = [&file](std::string& chunk) { read_chunk(file, chunk); };
  return join(ChunkedParse(next).run(threads_for(std::filesystem::file_size(path))), path);
}

}  // namespace inferbench
