// SPDX-License-Identifier: Apache-2.0
#include "model/guarded_json.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <unordered_set>
#include <vector>

#include "model/in_quotes.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"

namespace inferbench {
namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr const char* kCure = "the file is damaged or not what its name says; fetch it again";

// Follows the parser and tracks the depth and the keys of each open object.
class Guard {
 public:
  explicit Guard(const std::string& file) : file_(file) {}

  bool operator()(nlohmann::json::parse_event_t event, const nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    switch (event) {
      case Event::object_start:
      case Event::array_start:
        keys_.emplace_back();
        if (keys_.size() > kMaxDepth) {
          throw Error(fmt::format("{}: JSON nested deeper than {}", file_, counted(kMaxDepth, "level")), kCure);
        }
        break;
      case Event::object_end:
      case Event::array_end:
        keys_.pop_back();
        break;
      case Event::key: {
        const auto& key = parsed.get_ref<const std::string&>();
        if (!keys_.back().insert(key).second) {
          throw Error(fmt::format("{}: key {} occurs twice", file_, in_quotes(key)), "keep one of the two");
        }
        break;
      }
      case Event::value:
        break;
    }
    return true;
  }

 private:
  const std::string& file_;
  std::vector<std::unordered_set<std::string>> keys_;
};

}  // namespace

std::string json_complaint(std::string_view what) {
  // "[json.exception.parse_error.101] parse error at line 1, column 2: ...; last read: '...'"
  if (const auto end = what.find("] "); what.starts_with('[') && end != std::string_view::npos) {
    what.remove_prefix(end + 2);
  }
  if (const auto cut = what.find("; last read"); cut != std::string_view::npos) what = what.substr(0, cut);
  return one_line(what, 200);
}

nlohmann::json parse_guarded_json(std::string_view text, const std::string& file, std::size_t max_bytes) {
  if (text.size() > max_bytes) {
    throw Error(fmt::format("{}: {} bytes of JSON; at most {} are accepted", file, text.size(), max_bytes), kCure);
  }
  // The parser would take a NUL as the end of the text and ignore the rest.
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    throw Error(fmt::format("{}: not JSON: NUL at byte {}", file, nul), kCure);
  }
  Guard guard(file);
  try {
    return nlohmann::json::parse(text, [&guard](int /*depth*/, nlohmann::json::parse_event_t event,
                                                nlohmann::json& parsed) { return guard(event, parsed); });
  } catch (const nlohmann::json::exception& error) {
    throw Error(fmt::format("{}: not valid JSON: {}", file, json_complaint(error.what())), kCure);
  }
}

}  // namespace inferbench
