// SPDX-License-Identifier: Apache-2.0
#include "support/suggest.hpp"

#include <algorithm>
#include <array>

namespace inferbench {
namespace {

constexpr std::size_t kLongestWord = 256;  // longer words are not typos, and the work would be quadratic
constexpr std::size_t kListed = 20;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// The only candidate that starts with the word; null if there is none or several. A name cut short is as common as a
/// mistyped one. A word shorter than kShortest matches too many.
const std::string* completed(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr std::size_t kShortest = 3;
  const std::string* found = nullptr;
  if (word.size() < kShortest) return found;
  for (const std::string& candidate : candidates) {
    const bool begins =
        candidate.size() >= word.size() &&
        std::equal(word.begin(), word.end(), candidate.begin(), [](char a, char b) { return lower(a) == lower(b); });
    if (!begins) continue;
    if (found != nullptr) return nullptr;
    found = &candidate;
  }
  return found;
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Rows of the dynamic program: the last but one, the last and the current.
  std::array<std::vector<std::size_t>, 3> rows;
  for (auto& row : rows) row.resize(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) rows[1][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    rows[2][0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      std::size_t best = std::min({rows[1][j] + 1, rows[2][j - 1] + 1, rows[1][j - 1] + (same ? 0U : 1U)});
      const bool swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped) best = std::min(best, rows[0][j - 2] + 1);
      rows[2][j] = best;
    }
    std::rotate(rows.begin(), rows.begin() + 1, rows.end());
  }
  return rows[1][b.size()];
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = 0;
  if (word.empty() || word.size() > kLongestWord) return best;
  if (const std::string* whole = completed(word, candidates); whole != nullptr) return *whole;
  for (const std::string& candidate : candidates) {
    if (candidate.empty() || candidate.size() > kLongestWord) continue;
    const std::size_t allowed = std::max<std::size_t>(1, std::max(word.size(), candidate.size()) / 3);
    const std::size_t distance = edit_distance(word, candidate);
    // If the distance is the full length, the words have nothing in common: not a typo.
    if (distance > allowed || distance >= std::max(word.size(), candidate.size())) continue;
    if (best.empty() || distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string suggestion(std::string_view word, std::string_view kind, const std::vector<std::string>& candidates) {
  if (candidates.empty()) return "there are no " + std::string(kind);
  std::string text;
  if (const std::string near = nearest(word, candidates); !near.empty()) text = "did you mean '" + near + "'? ";
  text += "known " + std::string(kind) + ": ";
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (i == kListed) return text + ", ... (" + std::to_string(candidates.size() - kListed) + " more)";
    if (i > 0) text += ", ";
    text += candidates[i];
  }
  return text;
}

}  // namespace inferbench
