// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace inferbench {

/// A text for one column, with the byte from which it differs from the first column's.
struct TextColumn {
  std::string title;           ///< one line
  std::string text;            ///< UTF-8; other bytes show as '?'
  std::size_t differs_at = 0;  ///< text.size(): nowhere
};

/// The columns beside each other in `width` terminal cells; below each other where that leaves too little for each.
/// Where a text differs it is highlighted with `colour`; without, a line says from where.
std::string render_columns(const std::vector<TextColumn>& columns, std::size_t width, bool colour);

}  // namespace inferbench
