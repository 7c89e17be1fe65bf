// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_json/regex_syntax.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <vector>

#include "support/error.hpp"
#include "text/tokenizer_json/json_part.hpp"

namespace inferbench::tokenizer_json {
namespace {

constexpr std::string_view kWordSets = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
// Outside of character classes Oniguruma counts Latin-1's superscripts and fractions as well.
constexpr std::string_view kWordSetsAlone = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";
constexpr std::string_view kCallout = "(?C)";

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

class SyntaxTranslator {
 public:
  explicit SyntaxTranslator(std::string_view pattern) : in_(pattern) {}

  std::string translate() {
    out_ = std::string(kCallout) + "(?:";
    groups_.push_back({out_.size(), 0});
    while (at_ < in_.size()) step();
    if (groups_.size() != 1) refuse("a group is not closed");
    return out_.append(groups_.back().n_to_close, ')') + ")";
  }

 private:
  struct Group {
    std::size_t begin;       ///< in out_
    std::size_t n_to_close;  ///< groups that stand for (?i) without colon: they end with this one
  };

  [[noreturn]] static void refuse(const std::string& what) { throw Error(what, kUseAnother); }

  bool next_is(std::string_view text) const { return in_.substr(at_).starts_with(text); }

  void step() {
    const char c = in_[at_];
    if (c == '\\') {
      atom_ = out_.size();
      escape(false);
    } else if (c == '[') {
      atom_ = out_.size();
      character_class();
    } else if (c == '(') {
      open_group();
    } else if (c == ')') {
      close_group();
    } else if (c == '*' || c == '+' || c == '?') {
      copy(1);
      simple_suffix();
    } else if (c == '{') {
      braces();
    } else {
      // A character of several bytes: its later bytes belong to the same atom.
      if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) atom_ = out_.size();
      if (c == '|') atom_.reset();
      copy(1);
    }
  }

  void copy(std::size_t n) {
    out_ += in_.substr(at_, n);
    at_ = std::min(in_.size(), at_ + n);
  }

  /// After *, + and ?: an optional ? (lazy) or + (possessive), as in PCRE2.
  void simple_suffix() {
    if (next_is("?") || next_is("+")) copy(1);
    atom_.reset();
    out_ += kCallout;
  }

  void wrap_atom(char quantifier) {
    out_.insert(atom_.value_or(out_.size()), "(?:");
    out_ += ')';
    out_ += quantifier;
    ++at_;
  }

  void braces() {
    std::size_t end = at_ + 1;
    while (end < in_.size() && is_digit(in_[end])) ++end;
    const std::string low(in_.substr(at_ + 1, end - at_ - 1));
    std::string high = low;
    const bool comma = end < in_.size() && in_[end] == ',';
    if (comma) {
      const std::size_t begin = ++end;
      while (end < in_.size() && is_digit(in_[end])) ++end;
      high = in_.substr(begin, end - begin);
    }
    if (!atom_ || end >= in_.size() || in_[end] != '}' || (low.empty() && high.empty())) {  // no quantifier
      atom_ = out_.size();
      out_ += "\\{";
      ++at_;
      return;
    }
    at_ = end + 1;
    out_ += comma ? fmt::format("{{{},{}}}", low.empty() ? "0" : low, high) : fmt::format("{{{}}}", low);
    if (next_is("+")) {
      wrap_atom('+');
    } else if (next_is("?")) {
      if (comma) {
        copy(1);
      } else {
        wrap_atom('?');
      }
    }
    atom_.reset();
    out_ += kCallout;
  }

  void open_group() {
    atom_.reset();
    if (next_is("(?#")) {
      const std::size_t end = in_.find(')', at_);
      at_ = end == std::string_view::npos ? in_.size() : end + 1;
      return;
    }
    if (next_is("(*")) refuse("(* is not supported");
    if (!next_is("(?")) {
      groups_.push_back({out_.size(), 0});
      copy(1);
      return;
    }
    std::size_t end = at_ + 2;
    while (end < in_.size() && (std::isalpha(static_cast<unsigned char>(in_[end])) != 0 || in_[end] == '-')) ++end;
    const bool alone = end < in_.size() && in_[end] == ')';
    if (end == at_ + 2 || end == in_.size() || (in_[end] != ':' && !alone)) {  // (?:, (?=, (?<name>, ...
      const std::string_view kind = in_.substr(at_ + 2, 1);
      if (kind.empty() || std::string_view(":=!><").find(kind) == std::string_view::npos)
        refuse(fmt::format("the group (?{} is not supported", kind));
      groups_.push_back({out_.size(), 0});
      copy(in_.substr(at_ + 2).starts_with("<=") || in_.substr(at_ + 2).starts_with("<!") ? 4 : 3);
      return;
    }
    std::string flags(in_.substr(at_ + 2, end - at_ - 2));
    if (flags.find_first_not_of("im-") != std::string::npos)
      refuse(fmt::format("the option (?{}) is not supported", flags));
    std::replace(flags.begin(), flags.end(), 'm', 's');
    at_ = end + 1;
    if (alone) {
      ++groups_.back().n_to_close;
    } else {
      groups_.push_back({out_.size(), 0});
    }
    out_ += fmt::format("(?{}:", flags);
  }

  void close_group() {
    if (groups_.size() == 1) refuse("a ')' closes no group");
    out_.append(groups_.back().n_to_close, ')');
    copy(1);
    atom_ = groups_.back().begin;
    groups_.pop_back();
  }

  /// An escape at `at_`, outside of or in a character class.
  void escape(bool in_class) {
    const char c = at_ + 1 < in_.size() ? in_[at_ + 1] : '\0';
    const auto set = [&](std::string_view members, bool negated) {
      if (in_class && negated) refuse(fmt::format("\\{} in a character class is not supported", c));
      out_ += in_class ? std::string(members) : fmt::format("[{}{}]", negated ? "^" : "", members);
      at_ += 2;
    };
    if (c == 's' || c == 'S') {
      out_ += c == 's' ? R"(\p{White_Space})" : R"(\P{White_Space})";
      at_ += 2;
    } else if (c == 'w' || c == 'W') {
      set(in_class ? kWordSets : kWordSetsAlone, c == 'W');
    } else if ((c == 'b' || c == 'B') && !in_class) {
      out_ += c == 'b' ? fmt::format("(?:(?<=[{0}])(?![{0}])|(?<![{0}])(?=[{0}]))", kWordSetsAlone)
                       : fmt::format("(?:(?<=[{0}])(?=[{0}])|(?<![{0}])(?![{0}]))", kWordSetsAlone);
      at_ += 2;
    } else if (c == 'h' || c == 'H') {
      set("0-9A-Fa-f", c == 'H');
    } else if (c == 'u') {
      const std::string_view digits = in_.substr(std::min(in_.size(), at_ + 2), 4);
      if (digits.size() != 4 || !std::all_of(digits.begin(), digits.end(), is_hex))
        refuse("\\u needs four hexadecimal digits");
      out_ += fmt::format("\\x{{{}}}", digits);
      at_ += 6;
    } else if ((c == 'p' || c == 'P' || c == 'x') && in_.substr(at_ + 2).starts_with('{')) {
      const std::size_t end = in_.find('}', at_);
      copy((end == std::string_view::npos ? in_.size() : end + 1) - at_);
    } else {
      copy(2);
      // The rest of an escaped character of several bytes.
      while (at_ < in_.size() && (static_cast<unsigned char>(in_[at_]) & 0xC0U) == 0x80U) copy(1);
    }
  }

  void character_class() {
    copy(1);
    if (next_is("^")) copy(1);
    if (next_is("]")) copy(1);  // the first one is a member
    while (!next_is("]")) {
      if (at_ == in_.size()) refuse("a character class is not closed");
      if (next_is("\\")) {
        escape(true);
      } else if (next_is("[:")) {
        const std::size_t end = in_.find(":]", at_);
        if (end == std::string_view::npos) refuse("a character class is not closed");
        copy(end + 2 - at_);
      } else if (next_is("[")) {
        refuse("a character class in a character class is not supported");
      } else if (next_is("&&")) {
        refuse("&& in a character class is not supported");
      } else {
        copy(1);
      }
    }
    copy(1);
  }

  std::string_view in_;
  std::size_t at_ = 0;
  std::string out_;
  std::optional<std::size_t> atom_;  ///< where what a quantifier repeats begins in out_
  std::vector<Group> groups_;
};

}  // namespace

std::string to_pcre2_syntax(std::string_view pattern) {
  return SyntaxTranslator(pattern).translate();
}

}  // namespace inferbench::tokenizer_json
