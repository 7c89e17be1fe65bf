// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "text/tokenizer_json/work_limit.hpp"

namespace inferbench::tokenizer_json {

/// A regular expression of tokenizer.json: Oniguruma's syntax, matched by PCRE2. Immutable; threads may share one.
class Regex {
 public:
  using Found = std::function<void(std::size_t begin, std::size_t end)>;

  /// `where`: the component, for messages. Throws Error if the pattern can't be compiled.
  Regex(std::string_view pattern, std::string where);

  /// Calls `found` with the matches in `text` (valid UTF-8), from left to right. They don't overlap; an empty one never
  /// follows another immediately. Throws Error if matching takes longer than `limit` or than PCRE2's own limits allow.
  void for_each(std::string_view text, WorkLimit& limit, const Found& found) const;

 private:
  struct Code;
  std::shared_ptr<const Code> code_;
};

}  // namespace inferbench::tokenizer_json
