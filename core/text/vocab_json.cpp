// SPDX-License-Identifier: Apache-2.0
#include "text/vocab_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>

#include "model/in_quotes.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"

namespace inferbench {
namespace {

constexpr const char* kTakeAgain = "take vocab.json again from where the model came from";

/// Characters of the text; tells how far the parser has read, which nlohmann's SAX interface does not.
class TrackedIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  TrackedIterator(const char* at, const char** reached) : at_(at), reached_(reached) {}
  reference operator*() const { return *at_; }
  TrackedIterator& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  TrackedIterator operator++(int) {
    TrackedIterator old = *this;
    ++*this;
    return old;
  }
  bool operator==(const TrackedIterator& other) const { return at_ == other.at_; }
  bool operator!=(const TrackedIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

/// SAX events into entries; whatever is not `token: id` ends the parse with an Error.
class VocabHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  VocabHandler(const char* begin, const char* const* reached, const std::string& file)
      : counted_(begin), reached_(reached), file_(file) {}

  std::vector<VocabEntry> take() { return std::move(entries_); }

  bool start_object(std::size_t) override {
    if (inside_) fail("an object");
    inside_ = true;
    return true;
  }
  bool end_object() override { return true; }
  bool key(string_t& token) override {
    count_lines();
    entries_.push_back({std::move(token), 0, line_});
    return true;
  }
  bool number_unsigned(number_unsigned_t id) override {
    if (!inside_ || id > std::numeric_limits<std::int32_t>::max()) fail(fmt::format("{}", id));
    entries_.back().id = static_cast<std::int32_t>(id);
    return true;
  }
  bool number_integer(number_integer_t id) override { return fail(fmt::format("{}", id)); }
  bool number_float(number_float_t, const string_t& text) override { return fail(text); }
  bool null() override { return fail("null"); }
  bool boolean(bool) override { return fail("a boolean"); }
  bool string(string_t&) override { return fail("a string"); }
  bool binary(binary_t&) override { return fail("binary data"); }
  bool start_array(std::size_t) override { return fail("an array"); }
  bool end_array() override { return true; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    count_lines();
    std::string what = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ..." without the library's own prefix.
    const auto prefix = what.find("] ");
    if (prefix != std::string::npos) what.erase(0, prefix + 2);
    throw Error(fmt::format("{}:{}: not valid JSON: {}", file_, line_, one_line(what, 300)), kTakeAgain);
  }

 private:
  [[noreturn]] bool fail(const std::string& found) {
    if (!inside_)
      throw Error(fmt::format("{}:1: expected an object of tokens and ids, found {}", file_, found), kTakeAgain);
    const VocabEntry& entry = entries_.back();
    throw Error(fmt::format("{}:{}: the id of token {} must be an integer from 0 to 2147483647, found {}", file_,
                            entry.line, in_quotes(entry.token), one_line(found, 60)),
                kTakeAgain);
  }

  void count_lines() {
    line_ += std::count(counted_, *reached_, '\n');
    counted_ = *reached_;
  }

  std::vector<VocabEntry> entries_;
  bool inside_ = false;
  std::int64_t line_ = 1;
  const char* counted_;
  const char* const* reached_;
  const std::string& file_;
};

}  // namespace

std::vector<VocabEntry> parse_vocab_json(std::string_view text, const std::string& file) {
  const char* reached = text.data();
  VocabHandler handler(text.data(), &reached, file);
  nlohmann::json::sax_parse(TrackedIterator(text.data(), &reached),
                            TrackedIterator(text.data() + text.size(), &reached), &handler);
  return handler.take();
}

}  // namespace inferbench
