// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// The fewest insertions, deletions, substitutions and swaps of adjacent bytes that turn `a` into `b` (optimal string
/// alignment), ignoring case.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate that `word` was most likely meant to be: the only one that starts with it, else the closest by edit
/// distance, the first of equals. Empty if none is close (more than a third of the longer word, but at least 1 byte,
/// would have to change).
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// A hint for an unknown word: "did you mean 'tile'? known options: tile, kv". `kind` is the plural noun. Long lists
/// are cut; an empty list gives "there are no options".
std::string suggestion(std::string_view word, std::string_view kind, const std::vector<std::string>& candidates);

}  // namespace inferbench
