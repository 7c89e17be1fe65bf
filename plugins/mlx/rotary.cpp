// SPDX-License-Identifier: Apache-2.0
#include "rotary.hpp"

#include <mlx/fast.h>
#include <mlx/ops.h>

#include <algorithm>

namespace inferbench::mlx_backend {
namespace {

// x [n, heads, positions, head_dim]; `offset` is the first position, or an array of those of each of the n.
template <typename Offset>
mx::array rotated(const mx::array& x, const Offset& offset, const mx::array& periods) {
  return mx::fast::rope(x, x.shape(-1), false, std::optional<float>(), 1.0F, offset, periods);
}

// The rows of one segment, which are consecutive positions: [rows, heads, head_dim].
mx::array rotated_segment(const mx::array& x, const PassSegment& segment, const mx::array& periods) {
  const mx::array rows =
      mx::slice(x, {segment.first_row, 0, 0}, {segment.first_row + segment.n_rows, x.shape(1), x.shape(2)});
  const mx::array by_heads = mx::expand_dims(mx::transpose(rows, {1, 0, 2}), 0);
  return mx::transpose(mx::squeeze(rotated(by_heads, segment.first_position, periods), 0), {1, 0, 2});
}

// One row of each of several sequences: MLX takes a position for each in one call. Versions before 0.29 take one
// position only, and then there is no result.
template <typename Array>
std::optional<Array> rotated_rows(const Array& x, std::span<const PassSegment> segments, const Array& periods) {
  if constexpr (requires { mx::fast::rope(x, 1, false, std::optional<float>(), 1.0F, x, periods); }) {
    const auto is_row = [](const PassSegment& segment) { return segment.n_rows == 1; };
    if (!std::all_of(segments.begin(), segments.end(), is_row)) return std::nullopt;
    std::vector<std::int32_t> positions;
    for (const PassSegment& segment : segments) positions.push_back(segment.first_position);
    const mx::array offsets(positions.data(), {extent(static_cast<std::int64_t>(positions.size()))});
    return mx::squeeze(rotated(mx::expand_dims(x, 2), offsets, periods), 2);
  } else {
    return std::nullopt;
  }
}

}  // namespace

RotaryTables::RotaryTables(const ib_model_desc& desc) {
  const std::int32_t half = desc.head_dim / 2;
  for (std::int32_t table = 0; table < desc.n_rotary_tables; ++table) {
    std::vector<float> periods;
    for (std::int32_t i = 0; i < half; ++i) {
      periods.push_back(static_cast<float>(1 / desc.rotary_frequencies[static_cast<std::ptrdiff_t>(table) * half + i]));
    }
    periods_.emplace_back(periods.data(), mx::Shape{half});
    scales_.push_back(static_cast<float>(desc.rotary_scales[table]));
  }
}

mx::array RotaryTables::run(std::int32_t table, const mx::array& x, std::span<const PassSegment> segments) const {
  const auto i = static_cast<std::size_t>(table);
  const mx::array scaled = scales_[i] == 1 ? x : mx::multiply(x, mx::array(scales_[i], x.dtype()));
  if (const MaybeArray all = rotated_rows(scaled, segments, periods_[i])) return *all;
  std::vector<mx::array> parts;
  for (const PassSegment& segment : segments) parts.push_back(rotated_segment(scaled, segment, periods_[i]));
  return parts.size() == 1 ? parts.front() : mx::concatenate(parts, 0);
}

}  // namespace inferbench::mlx_backend
