// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace inferbench::tokenizer_json {

/// A pattern in Oniguruma's syntax, which tokenizer.json uses, as PCRE2 (with UTF, UCP and MULTILINE) reads it.
/// Callouts are added at the start and after each quantifier, so that a match that takes too long can be ended there:
/// between two of them PCRE2 does work that is at most linear in the text.
///
/// The differences: \s, \w and \b have other Unicode sets, \h is a hexadecimal digit, \uHHHH, (?m) lets the dot match
/// newlines, (?i) without colon reaches over the rest of its group, alternatives included, {n,m}+ repeats and {n}?
/// makes optional, {,n} starts at 0. `pattern` is UTF-8. Throws Error for what PCRE2 has no equal of: nested character
/// classes, && and negated \W or \H in them, extended syntax.
std::string to_pcre2_syntax(std::string_view pattern);

}  // namespace inferbench::tokenizer_json
