// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace inferbench {

/// The text of one column, and the byte offset at which it starts to differ from the first column's.
struct TextColumn {
  std::string title;           ///< one line
  std::string text;            ///< UTF-8; other bytes are shown as '?'
  std::size_t differs_at = 0;  ///< text.size(): no difference
};

/// The columns next to each other in `width` terminal cells, or one below the other if they would be too narrow. With
/// `colour`, the different part of a text is highlighted; the heading says where it starts.
std::string render_columns(const std::vector<TextColumn>& columns, std::size_t width, bool colour);

}  // namespace inferbench
