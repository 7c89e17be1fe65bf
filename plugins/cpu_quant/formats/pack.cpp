// SPDX-License-Identifier: Apache-2.0
#include "formats/pack.hpp"

#include <emmintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>

#include "formats/quantize.hpp"
#include "kernels/int5.h"

namespace inferbench::cpu_quant {
namespace {

// Channels read at a time: 256 bytes of each row of an F32 linear weight.
constexpr std::int32_t kChannels = 64;
constexpr std::int32_t kQuads = kTile * 4;  // bytes of four inputs of a tile
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// Up to kChannels / kTile tiles of a matrix, and a super-block of them in f32: channel c from weights[c * kSuperBlock]
/// on, zeros where a part of the matrix ends.
class ChannelPanel {
 public:
  ChannelPanel(const WeightMatrix& matrix, std::int32_t first_tile, std::int32_t n_tiles)
      : channels_(n_tiles * kTile), n_inputs_(matrix.n_inputs()) {
    for (std::int32_t t = 0; t < n_tiles; ++t) {
      const WeightMatrix::Tile tile = matrix.tile(first_tile + t);
      whole_ &= tile.n == kTile;
      for (std::int32_t c = 0; c < kTile; ++c) exists_[t * kTile + c] = c < tile.n;
      if (n_runs_ > 0 && continues(runs_[n_runs_ - 1], tile)) {
        runs_[n_runs_ - 1].n += tile.n;
      } else {
        runs_[n_runs_++] = {tile.part, tile.first, t * kTile, tile.n};
      }
    }
  }

  std::int32_t channels() const { return channels_; }
  bool exists(std::int32_t channel) const { return exists_[channel]; }
  const float* weights(std::int32_t channel) const { return block_ + channel * kSuperBlock; }

  void read(std::int32_t super_block) {
    const std::int32_t inputs = super_block_inputs(n_inputs_, super_block);
    if (inputs < kSuperBlock || !whole_) std::fill(std::begin(block_), std::end(block_), 0.0F);
    for (std::int32_t i = 0; i < n_runs_; ++i) {
      const Run& run = runs_[i];
      read_block(*run.part, run.first, run.n, std::int64_t{super_block} * kSuperBlock, inputs,
                 block_ + run.channel * kSuperBlock, kSuperBlock);
    }
  }

  /// Replaces the channel by zeros.
  void clear(std::int32_t channel) { std::fill_n(block_ + channel * kSuperBlock, kSuperBlock, 0.0F); }

 private:
  /// Channels of one part that follow each other, the panel's from `channel` on.
  struct Run {
    const WeightSource* part;
    std::int64_t first;
    std::int32_t channel;
    std::int32_t n;
  };

  static bool continues(const Run& run, const WeightMatrix::Tile& tile) {
    return run.part == tile.part && run.first + run.n == tile.first;
  }

  std::int32_t channels_;
  std::int32_t n_inputs_;
  bool whole_ = true;
  bool exists_[kChannels];
  Run runs_[kChannels / kTile];
  std::int32_t n_runs_ = 0;
  alignas(64) float block_[kChannels * kSuperBlock];
};

/// Largest magnitude of a super-block; NaN where a weight is not finite.
float largest(const float* weights) {
  const __m128 magnitude_bits = _mm_castsi128_ps(_mm_set1_epi32(0x7fffffff));
  const __m128 most_float = _mm_set1_ps(std::numeric_limits<float>::max());
  __m128 most[4] = {_mm_setzero_ps(), _mm_setzero_ps(), _mm_setzero_ps(), _mm_setzero_ps()};
  __m128 finite = _mm_cmpeq_ps(most_float, most_float);
  for (std::int32_t i = 0; i < kSuperBlock; i += 16) {
    for (int j = 0; j < 4; ++j) {
      const __m128 magnitude = _mm_and_ps(magnitude_bits, _mm_load_ps(weights + i + 4 * j));
      most[j] = _mm_max_ps(most[j], magnitude);
      finite = _mm_and_ps(finite, _mm_cmple_ps(magnitude, most_float));
    }
  }
  if (_mm_movemask_ps(finite) != 15) return kNan;
  __m128 all = _mm_max_ps(_mm_max_ps(most[0], most[1]), _mm_max_ps(most[2], most[3]));
  all = _mm_max_ps(all, _mm_movehl_ps(all, all));
  return _mm_cvtss_f32(_mm_max_ss(all, _mm_shuffle_ps(all, all, 1)));
}

/// Where the super-block at input `first` of one channel goes.
struct BlockPlace {
  std::uint8_t* tile;
  std::int32_t k;
  std::int32_t channel;
  std::int32_t first;

  std::int32_t n_groups() const { return cpu_quant::n_groups(std::min(kSuperBlock, k - first)); }
};

std::uint32_t four_bytes(const void* from) {
  std::uint32_t bytes = 0;
  std::memcpy(&bytes, from, sizeof bytes);
  return bytes;
}

/// Writes the groups of the super-block; returns the sum of multiplier * value. `flip`: bits of each byte that change.
std::int64_t write_int8(const Int8Block& block, std::uint32_t flip, const BlockPlace& place) {
  std::int64_t sum = 0;
  for (std::int32_t g = 0; g < place.n_groups(); ++g) {
    const std::int32_t input = place.first + g * kScaleGroup;
    const std::int8_t* values = block.values + g * kScaleGroup;
    place.tile[i8_multiplier_offset(place.k, place.channel, input)] = block.multipliers[g];
    std::uint8_t* to = place.tile + i8_weight_offset(place.k, place.channel, input);
    for (std::int32_t quad = 0; quad < ceil_div(inputs_of(place.k, input, kScaleGroup), 4); ++quad) {
      const std::uint32_t four = four_bytes(values + quad * 4) ^ flip;
      std::memcpy(to + quad * kQuads, &four, sizeof four);
    }
    std::int32_t total = 0;  // padding inputs are 0
    for (std::int32_t i = 0; i < kScaleGroup; ++i) total += values[i];
    sum += std::int64_t{block.multipliers[g]} * total;
  }
  return sum;
}

void pack_int8(ChannelPanel& panel, std::int32_t k, bool is_signed, std::uint8_t* tiles, float* sums) {
  float most[kChannels] = {};
  for (std::int32_t b = 0; b < n_super_blocks(k); ++b) {
    panel.read(b);
    for (std::int32_t c = 0; c < panel.channels(); ++c) {
      const float block_most = largest(panel.weights(c));
      most[c] = block_most > most[c] || std::isnan(block_most) ? block_most : most[c];
    }
  }
  const std::uint32_t flip = is_signed ? 0 : 0x80808080U;  // w + 128 as a byte
  std::int64_t totals[kChannels] = {};
  for (std::int32_t b = 0; b < n_super_blocks(k); ++b) {
    if (n_super_blocks(k) > 1) panel.read(b);
    if (k - b * kSuperBlock <= kSuperBlock) {
      // The last block's line of multipliers may have groups that no input belongs to.
      for (std::int32_t tile = 0; tile < panel.channels() / kTile; ++tile) {
        std::memset(tiles + tile * i8_tile_bytes(k) + i8_block_offset((k - 1) / kBlock), 0, 64);
      }
    }
    for (std::int32_t c = 0; c < panel.channels(); ++c) {
      if (std::isnan(most[c])) panel.clear(c);
      std::uint8_t* tile = tiles + c / kTile * i8_tile_bytes(k);
      Int8Block block;
      quantizer().int8(panel.weights(c), int8_channel_scale(most[c]), block);
      totals[c] += write_int8(block, flip, {tile, k, c % kTile, b * kSuperBlock});
    }
  }
  for (std::int32_t c = 0; c < panel.channels(); ++c) {
    const float scale = int8_channel_scale(most[c]);
    std::memcpy(tiles + i8_scale_offset(k, c), &scale, sizeof scale);
    if (sums != nullptr && panel.exists(c)) sums[c] = scale * static_cast<float>(totals[c]);
  }
}

/// Where codes of 4 or 5 bits go.
template <int kBits>
struct CodeLayout {
  static constexpr bool kFive = kBits == 5;
  static constexpr int kCentre = 1 << (kBits - 1);
  static constexpr std::int32_t kGroupBytes = kFive ? kI5GroupBytes : 256;

  static std::int64_t tile_bytes(std::int32_t k) { return kFive ? i5_tile_bytes(k) : i4_tile_bytes(k); }
  static std::int64_t super_block(std::int32_t b) {
    return kFive ? i5_super_block_offset(b) : i4_super_block_offset(b);
  }
  static std::int64_t multiplier(std::int32_t k, std::int32_t channel, std::int32_t input) {
    return kFive ? i5_multiplier_offset(k, channel, input) : i4_multiplier_offset(k, channel, input);
  }
  static std::int64_t code(std::int32_t k, std::int32_t channel, std::int32_t input) {
    return kFive ? i5_code_offset(k, channel, input) : i4_code_offset(k, channel, input);
  }
  static std::int64_t scale(std::int32_t k, std::int32_t channel, std::int32_t b) {
    return kFive ? i5_scale_offset(k, channel, b) : i4_scale_offset(k, channel, b);
  }
};

/// The fifth bits of a group's codes: byte i has those of inputs i, i + 4, ...
std::uint32_t fifth_bits(const std::uint8_t* codes) {
  std::uint32_t bits = 0;
  for (unsigned quad = 0; quad < kScaleGroup / 4; ++quad) {
    bits |= (four_bytes(codes + 4 * quad) >> 4U & 0x01010101U) << quad;
  }
  return bits;
}

/// The sum of 16 codes around 0.
template <int kBits>
std::int32_t sum_of_codes(__m128i codes) {
  const __m128i halves = _mm_sad_epu8(codes, _mm_setzero_si128());
  const __m128i sum = _mm_add_epi32(halves, _mm_unpackhi_epi64(halves, halves));
  return _mm_cvtsi128_si32(sum) - kHalfGroup * CodeLayout<kBits>::kCentre;
}

/// Writes the groups of the super-block; returns the sum of its weights as quantized.
template <int kBits>
float write_codes(const CodeBlock& block, const BlockPlace& place) {
  using Layout = CodeLayout<kBits>;
  const auto& [tile, k, channel, first] = place;
  std::uint8_t* multipliers = tile + Layout::multiplier(k, channel, first);
  std::uint8_t* group = tile + Layout::code(k, channel, first);
  const __m128i lower = _mm_set1_epi8(15);
  std::int32_t sum = 0;
  for (std::int32_t g = 0; g < place.n_groups(); ++g, multipliers += kTile, group += Layout::kGroupBytes) {
    const int low = block.multipliers[2 * g];
    const int high = block.multipliers[2 * g + 1];
    *multipliers = static_cast<std::uint8_t>((low - 1) | (high - 1) << 4);
    const std::uint8_t* codes = block.codes + g * kScaleGroup;
    const __m128i low_codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes));
    const __m128i high_codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + kHalfGroup));
    sum += low * sum_of_codes<kBits>(low_codes) + high * sum_of_codes<kBits>(high_codes);
    std::uint8_t pairs[kHalfGroup];
    _mm_storeu_si128(
        reinterpret_cast<__m128i*>(pairs),
        _mm_or_si128(_mm_and_si128(low_codes, lower), _mm_slli_epi16(_mm_and_si128(high_codes, lower), 4)));
    for (int quad = 0; quad < kHalfGroup / 4; ++quad) std::memcpy(group + quad * kQuads, pairs + 4 * quad, 4);
    if constexpr (Layout::kFive) {
      const std::uint32_t fifth = fifth_bits(codes);
      std::memcpy(group + kHalfGroup / 4 * kQuads, &fifth, sizeof fifth);
    }
  }
  std::memcpy(tile + Layout::scale(k, channel, first / kSuperBlock), &block.scale, sizeof block.scale);
  return block.scale * static_cast<float>(sum);
}

template <int kBits>
void pack_codes(ChannelPanel& panel, std::int32_t k, std::uint8_t* tiles, float* sums) {
  using Layout = CodeLayout<kBits>;
  for (std::int32_t b = 0; b < n_super_blocks(k); ++b) {
    panel.read(b);
    for (std::int32_t tile = 0; tile < panel.channels() / kTile; ++tile) {
      std::uint8_t* multipliers = tiles + tile * Layout::tile_bytes(k) + Layout::super_block(b);
      std::memset(multipliers, 0, static_cast<std::size_t>(i4_multiplier_bytes(super_block_inputs(k, b))));
    }
    for (std::int32_t c = 0; c < panel.channels(); ++c) {
      const bool finite = !std::isnan(largest(panel.weights(c)));
      if (!finite) panel.clear(c);
      CodeBlock block;
      (Layout::kFive ? quantizer().int5 : quantizer().int4)(panel.weights(c), block);
      if (!finite) block.scale = kNan;
      std::uint8_t* tile = tiles + c / kTile * Layout::tile_bytes(k);
      const float sum = write_codes<kBits>(block, {tile, k, c % kTile, b * kSuperBlock});
      if (sums != nullptr && panel.exists(c)) sums[c] = b == 0 ? sum : sums[c] + sum;
    }
  }
}

}  // namespace

std::int64_t packed_bytes(WeightFormat format, std::int32_t n, std::int32_t k) {
  return n_tiles(n) * packed_tile_bytes(format, k);
}

std::int64_t packed_tile_bytes(WeightFormat format, std::int32_t k) {
  if (format == WeightFormat::Int5) return i5_tile_bytes(k);
  return format == WeightFormat::Int4 ? i4_tile_bytes(k) : i8_tile_bytes(k);
}

void pack_tiles(const WeightMatrix& matrix, WeightFormat format, std::int32_t tile_begin, std::int32_t tile_end,
                std::uint8_t* packed, float* sums) {
  constexpr std::int32_t kTiles = kChannels / kTile;
  const std::int32_t k = matrix.n_inputs();
  for (std::int32_t first = tile_begin; first < tile_end; first += kTiles) {
    ChannelPanel panel(matrix, first, std::min(kTiles, tile_end - first));
    std::uint8_t* tiles = packed + first * packed_tile_bytes(format, k);
    float* panel_sums = sums == nullptr ? nullptr : sums + std::int64_t{first - tile_begin} * kTile;
    if (format == WeightFormat::Int4) {
      pack_codes<4>(panel, k, tiles, panel_sums);
    } else if (format == WeightFormat::Int5) {
      pack_codes<5>(panel, k, tiles, panel_sums);
    } else {
      pack_int8(panel, k, format == WeightFormat::Int8Signed, tiles, panel_sums);
    }
  }
}

}  // namespace inferbench::cpu_quant
