// SPDX-License-Identifier: Apache-2.0
#include "results/trial_lines.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <future>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "support/error.hpp"

namespace inferbench {

namespace {

constexpr std::size_t kBytesPerThread = std::size_t{4} << 20U;  // below that a thread is not worth starting
constexpr std::size_t kMostThreads = 16;

// Whole lines, parsed up to the first that is no record.
struct Piece {
  std::vector<TrialRecord> records;
  std::size_t good_bytes = 0;
  std::optional<std::string> error;  // of the line at good_bytes
};

Piece parse_piece(std::string_view text) {
  Piece piece;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string_view::npos) break;
    try {
      piece.records.push_back(parse_trial_record(text.substr(begin, end - begin)));
    } catch (const Error& error) {
      piece.error = error.what();
      break;
    }
    begin = end + 1;
    piece.good_bytes = begin;
  }
  return piece;
}

// Nearly equal parts that end with a line.
std::vector<std::string_view> split(std::string_view text) {
  const std::size_t threads = std::min<std::size_t>(kMostThreads, std::max(1U, std::thread::hardware_concurrency()));
  const std::size_t wanted = std::clamp<std::size_t>(text.size() / kBytesPerThread, 1, threads);
  std::vector<std::string_view> parts;
  while (parts.size() + 1 < wanted && !text.empty()) {
    const std::size_t share = text.size() / (wanted - parts.size());
    const std::size_t end = text.find('\n', share);
    if (end == std::string_view::npos) break;
    parts.push_back(text.substr(0, end + 1));
    text.remove_prefix(end + 1);
  }
  parts.push_back(text);
  return parts;
}

// The parts but the first by threads of their own.
std::vector<Piece> parse_all(const std::vector<std::string_view>& parts) {
  std::vector<std::future<Piece>> others;
  for (std::size_t i = 1; i < parts.size(); ++i)
    others.push_back(std::async(std::launch::async, parse_piece, parts[i]));
  std::vector<Piece> pieces;
  pieces.push_back(parse_piece(parts.front()));
  for (auto& other : others) pieces.push_back(other.get());
  return pieces;
}

}  // namespace

TrialLines parse_trial_lines(std::string_view text, const std::filesystem::path& path) {
  TrialLines lines;
  for (Piece& piece : parse_all(split(text))) {
    lines.good_bytes += piece.good_bytes;
    if (lines.records.empty()) {
      lines.records = std::move(piece.records);
    } else {
      lines.records.insert(lines.records.end(), std::make_move_iterator(piece.records.begin()),
                           std::make_move_iterator(piece.records.end()));
    }
    if (!piece.error) continue;
    const bool last = text.find('\n', lines.good_bytes) + 1 == text.size();
    if (last) break;
    throw Error(fmt::format("{}:{}: {}", path.string(), lines.records.size() + 1, *piece.error),
                "the file was changed by something else; restore it or start a new run");
  }
  return lines;
}

}  // namespace inferbench
