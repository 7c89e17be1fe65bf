// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace inferbench {

/// Tokens of a block in TraceRow::blocks.
inline constexpr std::int32_t kTraceBlockTokens = 512;
inline constexpr std::size_t kMaxTraceRows = 1'000'000;

/// One request of a recorded trace.
struct TraceRow {
  double arrival_s = 0;
  std::int32_t prompt_tokens = 1;
  std::int32_t output_tokens = 1;
  /// Identities of the prompt's leading blocks of kTraceBlockTokens tokens. Where two requests have equal identities,
  /// they have equal tokens. Empty: the prompt shares nothing.
  std::vector<std::uint64_t> blocks;

  friend bool operator==(const TraceRow&, const TraceRow&) = default;
};

/// Reads a trace in CSV with a header or in JSON lines. Columns, in any order, others are ignored:
///   arrival_s, prompt_tokens, output_tokens, optionally prefix (an identity of the first block)
///   TIMESTAMP (a number of seconds or a date with a time), ContextTokens, GeneratedTokens: Azure's traces
///   timestamp (milliseconds), input_length, output_length, optionally hash_ids: Mooncake's traces
/// Rows that ask for no output get one token. Throws Error that names the line for anything else, for rows out of order
/// and for a trace without rows. `name` is for messages.
std::vector<TraceRow> parse_trace(std::string_view text, std::string_view name);

/// The same for a file of at most 1 GiB. Throws Error also if it cannot be read.
std::vector<TraceRow> read_trace(const std::filesystem::path& path);

}  // namespace inferbench
