// SPDX-License-Identifier: Apache-2.0
#include "serve/trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/json_integer.hpp"
#include "support/one_line.hpp"
#include "support/random.hpp"

namespace inferbench {

namespace {

constexpr std::uintmax_t kMaxTraceBytes = std::uintmax_t{1} << 30U;
constexpr std::int64_t kMaxTraceTokens = 1 << 24;
constexpr double kMaxTraceSeconds = 1e9;
constexpr double kMsPerSecond = 1000;
constexpr const char* kTraceHint =
    "the columns are arrival_s, prompt_tokens, output_tokens; or those of Azure's or Mooncake's public traces";

/// The names of the columns in one of the known forms.
struct TraceForm {
  const char* arrival;
  const char* prompt;
  const char* output;
  const char* blocks;  ///< empty: none
  double arrival_unit_s;
};

constexpr std::array<TraceForm, 3> kTraceForms{{
    {"arrival_s", "prompt_tokens", "output_tokens", "prefix", 1},
    {"TIMESTAMP", "ContextTokens", "GeneratedTokens", "", 1},
    {"timestamp", "input_length", "output_length", "hash_ids", 1 / kMsPerSecond},
}};

/// Checks rows one after another.
class TraceRows {
 public:
  explicit TraceRows(std::string_view name) : name_(name) {}

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(fmt::format("{}:{}: {}", name_, line, what), kTraceHint);
  }

  void add(TraceRow row, std::int64_t prompt, std::int64_t output) {
    if (!std::isfinite(row.arrival_s)) fail("the arrival is not a time");
    if (!rows.empty() && row.arrival_s < rows.back().arrival_s) {
      fail(fmt::format("the request arrives before the one above it ({} s before); sort the rows by arrival",
                       rows.back().arrival_s - row.arrival_s));
    }
    if (!rows.empty() && row.arrival_s - rows.front().arrival_s > kMaxTraceSeconds) fail("the trace lasts for decades");
    if (prompt < 1 || prompt > kMaxTraceTokens) {
      fail(fmt::format("a prompt of {}, expected 1 to {}", counted(prompt, "token"), kMaxTraceTokens));
    }
    if (output < 0 || output > kMaxTraceTokens) {
      fail(fmt::format("an output of {}, expected 0 to {}", counted(output, "token"), kMaxTraceTokens));
    }
    row.prompt_tokens = static_cast<std::int32_t>(prompt);
    row.output_tokens = output == 0 ? 1 : static_cast<std::int32_t>(output);
    if (rows.size() == kMaxTraceRows) fail(fmt::format("more than {} requests", kMaxTraceRows));
    rows.push_back(std::move(row));
  }

  std::vector<TraceRow> rows;
  std::size_t line = 0;

 private:
  std::string name_;
};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\"");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\"") + 1 - first);
}

std::vector<std::string_view> cells_of(std::string_view line) {
  std::vector<std::string_view> cells;
  while (true) {
    const auto comma = line.find(',');
    cells.push_back(trimmed(line.substr(0, comma)));
    if (comma == std::string_view::npos) return cells;
    line.remove_prefix(comma + 1);
  }
}

template <typename Number>
std::optional<Number> entire_number(std::string_view text) {
  Number value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "2023-11-16 18:17:03.9799600", with 'T' or a space between date and time: seconds since 1970.
std::optional<double> date_seconds(std::string_view text) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int hour = 0;
  int minute = 0;
  double second = 0;
  const std::string copy(text);
  if (std::sscanf(copy.c_str(), "%d-%u-%u%*1[T ]%d:%d:%lf", &year, &month, &day, &hour, &minute, &second) != 6) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
  if (!date.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 || !(second >= 0 && second < 61)) {
    return std::nullopt;
  }
  const auto days = static_cast<double>(std::chrono::sys_days(date).time_since_epoch().count());
  return days * 86400 + hour * 3600.0 + minute * 60.0 + second;
}

struct Columns {
  const TraceForm* form = nullptr;
  std::size_t arrival = 0;
  std::size_t prompt = 0;
  std::size_t output = 0;
  std::optional<std::size_t> prefix;
};

std::optional<std::size_t> column_of(const std::vector<std::string_view>& header, std::string_view name) {
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (!name.empty() && header[i] == name) return i;
  }
  return std::nullopt;
}

Columns columns_of(const TraceRows& rows, const std::vector<std::string_view>& header) {
  for (const TraceForm& form : kTraceForms) {
    const auto arrival = column_of(header, form.arrival);
    const auto prompt = column_of(header, form.prompt);
    const auto output = column_of(header, form.output);
    if (arrival && prompt && output) return {&form, *arrival, *prompt, *output, column_of(header, form.blocks)};
  }
  rows.fail("the first line does not name the columns of a trace");
}

void add_csv_row(TraceRows& rows, const Columns& columns, std::string_view line) {
  const std::vector<std::string_view> cells = cells_of(line);
  if (cells.size() <= std::max({columns.arrival, columns.prompt, columns.output})) rows.fail("too few columns");
  const std::string_view when = cells[columns.arrival];
  const auto number = entire_number<double>(when);
  const auto arrival = number ? std::optional(*number * columns.form->arrival_unit_s) : date_seconds(when);
  if (!arrival) rows.fail(fmt::format("'{}' is not a time", one_line(when, 60)));
  const auto prompt = entire_number<std::int64_t>(cells[columns.prompt]);
  const auto output = entire_number<std::int64_t>(cells[columns.output]);
  if (!prompt || !output) rows.fail("a number of tokens is not a whole number");
  TraceRow row;
  row.arrival_s = *arrival;
  if (columns.prefix && *columns.prefix < cells.size() && !cells[*columns.prefix].empty()) {
    row.blocks.push_back(fnv1a64(cells[*columns.prefix]));
  }
  rows.add(std::move(row), *prompt, *output);
}

std::uint64_t block_identity(const TraceRows& rows, const nlohmann::json& id) {
  if (id.is_string()) return fnv1a64(id.get<std::string>());
  if (!id.is_number_integer()) rows.fail("an identity of a block is neither a whole number nor a text");
  return fnv1a64(id.dump());
}

std::vector<std::uint64_t> blocks_of(const TraceRows& rows, const nlohmann::json& object, const TraceForm& form) {
  std::vector<std::uint64_t> blocks;
  const auto found = object.find(form.blocks);
  if (found == object.end() || found->is_null()) return blocks;
  if (!found->is_array()) return {block_identity(rows, *found)};
  for (const nlohmann::json& id : *found) blocks.push_back(block_identity(rows, id));
  return blocks;
}

void add_json_row(TraceRows& rows, std::string_view line) {
  try {
    const nlohmann::json object = nlohmann::json::parse(line);
    for (const TraceForm& form : kTraceForms) {
      if (!object.is_object() || !object.contains(form.arrival) || !object.contains(form.prompt) ||
          !object.contains(form.output)) {
        continue;
      }
      TraceRow row;
      const nlohmann::json& when = object.at(form.arrival);
      const auto date = when.is_string() ? date_seconds(when.get<std::string>()) : std::nullopt;
      row.arrival_s = date ? *date : when.get<double>() * form.arrival_unit_s;
      row.blocks = blocks_of(rows, object, form);
      rows.add(std::move(row), integer_of<std::int64_t>(object.at(form.prompt)),
               integer_of<std::int64_t>(object.at(form.output)));
      return;
    }
  } catch (const nlohmann::json::exception& error) {
    rows.fail(fmt::format("not a request of a trace: {}", one_line(error.what(), 120)));
  }
  rows.fail("the line does not have the keys of a trace");
}

}  // namespace

std::vector<TraceRow> parse_trace(std::string_view text, std::string_view name) {
  TraceRows rows(name);
  std::optional<Columns> columns;
  bool json = false;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    ++rows.line;
    if (trimmed(line).empty()) continue;
    if (!columns && !json) json = trimmed(line).front() == '{';
    if (json) {
      add_json_row(rows, line);
    } else if (!columns) {
      columns = columns_of(rows, cells_of(line));
    } else {
      add_csv_row(rows, *columns, line);
    }
  }
  if (rows.rows.empty()) throw Error(fmt::format("{}: the trace has no requests", name), kTraceHint);
  return std::move(rows.rows);
}

std::vector<TraceRow> read_trace(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::error_code problem;
  const std::uintmax_t size = std::filesystem::file_size(path, problem);
  if (!stream || problem) throw Error(fmt::format("cannot read the trace {}", path.string()), "check the path");
  if (size > kMaxTraceBytes) throw Error(fmt::format("the trace {} is larger than 1 GiB", path.string()), "cut it");
  const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  return parse_trace(text, path.string());
}

}  // namespace inferbench
