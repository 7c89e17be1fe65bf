// SPDX-License-Identifier: Apache-2.0
// The host's half of the CUDA backend: formats of weights, and the plan of a step. Needs neither CUDA nor a GPU.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "formats.hpp"
#include "list_places.hpp"
#include "model_layout.hpp"
#include "product_cut.hpp"
#include "step_plan.hpp"
#include "tile_plan.hpp"

namespace inferbench::cuda_backend {
namespace {

constexpr std::int32_t kH200Shared = 232448;
constexpr std::int32_t kH200Blocks = 132;

TEST(CudaFormats, EveryCodeOfATileHasItsOwnPlace) {
  std::set<std::int32_t> bytes;
  std::set<std::pair<std::int32_t, std::int32_t>> nibbles;
  std::set<std::int32_t> scales;
  for (std::int32_t row = 0; row < kTileRows; ++row) {
    for (std::int32_t input = 0; input < kTileInputs; ++input) {
      bytes.insert(int8_place(row, input));
      nibbles.emplace(int4_word(row, input), int4_nibble(input));
      scales.insert(scale_place(row, input));
    }
  }
  EXPECT_EQ(bytes.size(), 2048U);
  EXPECT_EQ(*bytes.rbegin(), 2047);
  EXPECT_EQ(nibbles.size(), 2048U);
  EXPECT_EQ(nibbles.rbegin()->first, 255);
  EXPECT_EQ(scales.size(), 64U);
}

TEST(CudaFormats, BytesOfInt4HaveNeighboursInTheirLowerAndInTheirUpperHalves) {
  for (std::int32_t input = 0; input < kTileInputs; ++input) {
    EXPECT_EQ(int4_nibble(input) / 2, input % 4);
    EXPECT_EQ(int4_nibble(input) % 2, input % 8 / 4);
    EXPECT_EQ(int4_word(3, input), int4_word(3, input / 8 * 8));
  }
}

TEST(CudaFormats, GateAndUpShareTiles) {
  std::set<std::int64_t> rows;
  for (std::int64_t i = 0; i < 24; ++i) {
    EXPECT_EQ(gated_row(i, 0) / kTileRows, gated_row(i, 1) / kTileRows);
    EXPECT_EQ(gated_row(i, 1) - gated_row(i, 0), 8);
    rows.insert({gated_row(i, 0), gated_row(i, 1)});
  }
  EXPECT_EQ(rows.size(), 48U);
  EXPECT_EQ(*rows.rbegin(), 47);
}

std::array<float, kGroup> some_weights(std::uint32_t seed) {
  std::array<float, kGroup> weights{};
  for (float& weight : weights) {
    seed = seed * 1664525U + 1013904223U;
    weight = static_cast<float>(seed >> 8U) * 0x1p-24F - 0.5F;
  }
  return weights;
}

template <int kBits>
double squared_error(const std::array<float, kGroup>& weights) {
  Group<kBits> group{};
  quantize<kBits>(weights.data(), group);
  double error = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double difference = weights[i] - group.scale * static_cast<float>(group.codes[i]);
    error += difference * difference;
  }
  return error / kGroup;
}

TEST(CudaFormats, QuantizedGroupsAreNearTheirWeights) {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    const auto weights = some_weights(seed);
    float most = 0;
    for (const float weight : weights) most = std::max(most, std::abs(weight));
    // Uniform rounding errors have a variance of step^2 / 12; the least squares of 4 bits stay below absmax's step.
    EXPECT_LT(squared_error<8>(weights), 2 * std::pow(most / 127, 2) / 12) << seed;
    EXPECT_LT(squared_error<4>(weights), 1.3 * std::pow(most / 7.5, 2) / 12) << seed;
  }
}

TEST(CudaFormats, PowersOfTwoAndZerosAreExact) {
  std::array<float, kGroup> weights{};
  EXPECT_EQ(squared_error<8>(weights), 0);
  EXPECT_EQ(squared_error<4>(weights), 0);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = i % 3 == 0 ? -0.25F : (i % 3 == 1 ? 0.125F : 0.0F);
  EXPECT_EQ(squared_error<8>(weights), 0);
  EXPECT_EQ(squared_error<4>(weights), 0);
}

// golden_check's grid of 4-bit weights, in groups of 32.
TEST(CudaFormats, StepsOfTheGoldenGridAreExact) {
  for (const float scale : {0.5F, 0.5625F, 0.8125F, 0.9375F}) {
    for (const int multiplier : {1, 7, 11, 15, 16}) {
      std::array<float, kGroup> weights{};
      for (std::size_t i = 0; i < weights.size(); ++i) {
        weights[i] = scale * static_cast<float>(multiplier) * static_cast<float>(static_cast<int>(i * 5 % 15) - 7);
      }
      EXPECT_EQ(squared_error<4>(weights), 0) << scale << " * " << multiplier;
    }
  }
}

TEST(CudaCache, CodesAreWithinHalfAStepAndReachTheGreatestMagnitude) {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    const auto values = some_weights(seed);
    float most = 0;
    for (const float value : values) most = std::max(most, std::abs(value));
    const float scale = head_scale(most);
    int greatest = 0;
    for (const float value : values) {
      const int code = head_code(value, scale);
      EXPECT_LE(std::abs(value - scale * static_cast<float>(code)), 0.5001F * scale) << seed;
      greatest = std::max(greatest, std::abs(code));
    }
    EXPECT_EQ(greatest, 127);
  }
}

TEST(CudaCache, ZerosAreExactAndWhatIsNotFiniteStaysSo) {
  EXPECT_EQ(head_code(0, head_scale(0)), 0);
  EXPECT_EQ(head_code(1e-38F, head_scale(1e-38F)), 0) << "too small for a scale";
  for (const float most : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    for (const float value : {0.0F, 1.0F, most}) {
      EXPECT_FALSE(std::isfinite(head_scale(most) * static_cast<float>(head_code(value, head_scale(most)))));
    }
  }
}

ib_model_desc description(std::int32_t hidden, std::int32_t heads, std::int32_t kv_heads, std::int32_t mlp) {
  ib_model_desc desc{};
  desc.struct_size = sizeof desc;
  desc.n_layers = 16;
  desc.n_heads = heads;
  desc.n_kv_heads = kv_heads;
  desc.head_dim = 64;
  desc.hidden_size = hidden;
  desc.intermediate_size = mlp;
  desc.max_positions = 1024;
  desc.vocab_size = 50257;
  desc.norm = IB_NORM_RMS;
  desc.activation = IB_ACTIVATION_SILU;
  desc.gated = 1;
  desc.norm_epsilon = 1e-5;
  return desc;
}

// A kernel for models without rotation would compute others wrongly, and nothing else would say so.
TEST(CudaLayout, KnowsWhetherAnyLayerIsRotatedOrHasAWindow) {
  ib_model_desc desc = description(128, 2, 2, 256);
  std::vector<ib_layer_desc> layers(static_cast<std::size_t>(desc.n_layers), ib_layer_desc{0, -1, 0.125});
  desc.layers = layers.data();
  const auto shape = [&desc] {
    Arena arena;
    return lay_out(desc, Format::kBf16, arena).data.shape;
  };
  EXPECT_EQ(shape().has_rotary, 0);
  EXPECT_EQ(shape().has_windows, 0);
  layers.back().rotary_table = 0;
  EXPECT_EQ(shape().has_rotary, 1);
  EXPECT_EQ(shape().has_windows, 0);
  layers.front().window = 100;
  EXPECT_EQ(shape().has_windows, 1);
}

TEST(CudaLayout, MatricesBehindALayerNormHaveRoomForWhatFollowsFromIt) {
  ib_model_desc desc = description(128, 2, 2, 256);
  std::vector<ib_layer_desc> layers(static_cast<std::size_t>(desc.n_layers), ib_layer_desc{0, -1, 0.125});
  desc.layers = layers.data();
  for (const bool has_layer_norm : {false, true}) {
    desc.norm = has_layer_norm ? IB_NORM_LAYER : IB_NORM_RMS;
    for (const std::int32_t tied : {0, 1}) {
      desc.tied_head = tied;
      Arena counting;
      lay_out(desc, Format::kBf16, counting);
      std::vector<std::byte> memory(counting.used());
      Arena arena(memory.data());
      const ModelLayout layout = lay_out(desc, Format::kBf16, arena);
      for (const LayerWeights& layer : layout.layers) {
        EXPECT_EQ(layer.qkv.folded != nullptr, has_layer_norm);
        EXPECT_EQ(layer.up.folded != nullptr, has_layer_norm);
        EXPECT_EQ(layer.out.folded, nullptr);
        EXPECT_EQ(layer.down.folded, nullptr);
      }
      EXPECT_EQ(layout.data.head.folded != nullptr, has_layer_norm);
      ModelData without = layout.data;
      without.head.folded = nullptr;
      constexpr std::int64_t kPairBytes = 8;
      const std::int64_t pairs = layout.data.products.head.row_tiles * kTileRows;
      const auto read = static_cast<std::uint64_t>(round_up(pairs * kPairBytes, 256));  // of the arena
      EXPECT_EQ(step_bytes(desc, layout.data) - step_bytes(desc, without), has_layer_norm ? read : 0);
    }
  }
}

TEST(CudaCache, EveryHeadAndPositionHasItsOwnPlaceAndTheyFillTheCache) {
  ib_model_desc desc = description(240, 6, 3, 512);
  desc.n_layers = 2;
  desc.head_dim = 36;
  const Shape shape = shape_of(desc);
  ASSERT_EQ(shape.head_stride, 40);
  KvCache cache{};
  cache.max_tokens = 5;
  constexpr std::int32_t kSlots = 3;
  std::set<std::int64_t> places;
  std::set<std::int64_t> scales;
  for (std::int32_t slot = 0; slot < kSlots; ++slot) {
    for (std::int32_t layer = 0; layer < shape.n_layers; ++layer) {
      for (std::int32_t head = 0; head < shape.n_kv_heads; ++head) {
        const std::int64_t keys = cache.place(shape, slot, layer, 0, head);
        const std::int64_t key_scales = cache.scale_place(shape, slot, layer, 0, head);
        EXPECT_EQ(cache.place(shape, slot, layer, 1, head), keys + cache.half_stride(shape));
        EXPECT_EQ(cache.scale_place(shape, slot, layer, 1, head), key_scales + cache.scales_half_stride(shape));
        for (std::int32_t position = 0; position < cache.max_tokens; ++position) {
          places.insert({keys + position * 40, keys + cache.half_stride(shape) + position * 40});
          scales.insert({key_scales + position, key_scales + cache.scales_half_stride(shape) + position});
        }
      }
    }
  }
  const CacheBytes bytes = cache_bytes(shape, Format::kInt8, kSlots * cache.max_tokens);
  EXPECT_EQ(places.size() * 40, bytes.data);
  EXPECT_EQ(*places.rbegin() + 40, static_cast<std::int64_t>(bytes.data));
  EXPECT_EQ(scales.size() * sizeof(float), bytes.scales);
  EXPECT_EQ((*scales.rbegin() + 1) * 4, static_cast<std::int64_t>(bytes.scales));
}

TEST(CudaCache, EightBitsTakeAByteAValueAndFourAHead) {
  const Shape shape = shape_of(description(2048, 32, 8, 8192));
  constexpr std::int64_t kPositions = 1000;
  constexpr std::uint64_t kHeads = kPositions * 16 * 2 * 8;  // of keys and values in 16 layers
  EXPECT_EQ(cache_bytes(shape, Format::kInt8, kPositions).data, kHeads * 64);
  EXPECT_EQ(cache_bytes(shape, Format::kInt8, kPositions).scales, kHeads * 4);
  for (const Format format : {Format::kBf16, Format::kF16, Format::kF32}) {
    const CacheBytes bytes = cache_bytes(shape, format, kPositions);
    EXPECT_EQ(bytes.data, kHeads * 64 * (format == Format::kF32 ? 4 : 2));
    EXPECT_EQ(bytes.scales, 0U);
  }
}

TEST(CudaStepPlan, ChunksCoverTheInputsAndFitIntoAStage) {
  for (const Format format : {Format::kBf16, Format::kInt8, Format::kInt4}) {
    for (const std::int32_t inputs : {24, 576, 768, 1600, 2048, 8192, 14336}) {
      const auto padded = static_cast<std::int32_t>(padded_inputs(format, inputs));
      for (const std::int32_t most_parts : {1, 4}) {
        const StreamShape shape = stream_shape({100, inputs, padded, 7, format}, kH200Blocks, most_parts, 1024);
        const std::int32_t unit = is_quantized(format) ? kTileInputs : kPlainInputs;
        EXPECT_LE(shape.parts, most_parts);
        EXPECT_EQ(shape.units * unit, shape.part_inputs);
        EXPECT_EQ(shape.part_inputs * shape.parts, padded);
        EXPECT_EQ(kH200Blocks % shape.parts, 0) << "a block's items would be of several parts";
        EXPECT_EQ(shape.tile_step * shape.parts, kH200Blocks);
        ASSERT_GE(shape.per_chunk, 1);
        const std::int64_t bytes = is_quantized(format)
                                       ? shape.per_chunk * tile_bytes(format)
                                       : std::int64_t{kTileRows} * (shape.per_chunk * kPlainInputs * 2 + kChunkPad);
        EXPECT_EQ(bytes, shape.chunk_bytes) << inputs;
        EXPECT_EQ(shape.turn, 7 * shape.parts);
      }
    }
  }
}

// A warp waits for the inputs of its own slices only, so that an input of no slice, or of another one than its weights,
// would never be multiplied.
TEST(CudaStepPlan, EveryInputIsInTheSliceOfTheWarpThatHasItsWeights) {
  for (const Format format : {Format::kBf16, Format::kInt8, Format::kInt4}) {
    for (const std::int32_t inputs : {24, 576, 768, 896, 1600, 3072, 4864, 8192}) {
      const auto padded = static_cast<std::int32_t>(padded_inputs(format, inputs));
      const StreamShape shape = stream_shape({100, inputs, padded, 7, format}, kH200Blocks, kMostParts);
      ASSERT_GT(shape.slice_inputs, 0);
      EXPECT_EQ(shape.slice_inputs % 32, 0);
      EXPECT_LE(shape.slice_inputs, kSliceRoom);
      EXPECT_EQ(shape.pieces, (shape.part_inputs + shape.piece_inputs - 1) / shape.piece_inputs);
      for (std::int32_t i = 0; i < shape.part_inputs; i += 32) {
        const std::int32_t in_piece = i % shape.piece_inputs;
        const std::int32_t warp = in_piece / shape.slice_inputs;
        EXPECT_LT(warp, kStepWarps) << inputs;
        if (is_quantized(format)) {
          EXPECT_EQ(warp, i / kTileInputs % kStepWarps) << "warps take every eighth tile";
          EXPECT_EQ(i / shape.piece_inputs * kPieceRoom + warp * kSliceRoom + in_piece % shape.slice_inputs, i)
              << "codes lie in the order of the inputs";
        }
      }
      if (is_quantized(format)) {
        EXPECT_LE(shape.per_chunk, kMostChunkTiles) << "a warp has registers for two tiles";
      } else {
        EXPECT_EQ(shape.piece_inputs, shape.per_chunk * kPlainInputs) << "slices are of chunks";
      }
    }
  }
}

TEST(CudaStepPlan, FamiliesHaveRoomForTheSlicesAndHandOnWholeOutputsOfAttention) {
  for (const auto& [hidden, heads, mlp] :
       {std::array{256, 4, 1000}, std::array{576, 9, 1536}, std::array{896, 14, 4864}, std::array{1024, 16, 4096},
        std::array{1600, 25, 6400}}) {
    const Shape shape = shape_of(description(hidden, heads, heads, mlp));
    for (const Format format : {Format::kBf16, Format::kInt8}) {
      const StepPlan plan = plan_step(shape, products_of(shape, format), kH200Shared, kH200Blocks, 1);
      ASSERT_EQ(plan.family, StepFamily::kLlama);
      EXPECT_EQ(plan.products[kOut].parts, 1) << hidden;
      EXPECT_EQ(plan.hidden_share, 1.0F / static_cast<float>(hidden));
      for (const StreamShape& product : plan.products) {
        if (is_quantized(format)) continue;
        // A lane writes two pieces at a time.
        EXPECT_GE(plan.rows_bytes, (product.pieces + product.pieces % 2) * kPieceRoom * 2) << hidden;
      }
      EXPECT_LE(plan.rows_at + plan.rows_bytes, plan.shared_bytes - plan.n_stages * plan.stage_bytes);
    }
    for (const StepProduct product : {kUp, kHead}) {  // they read the stream, each warp its own slices
      const StepPlan plan = plan_step(shape, products_of(shape, Format::kInt4), kH200Shared, kH200Blocks, 1);
      EXPECT_EQ(plan.products[product].slice_inputs, plan.products[kQkv].slice_inputs);
      EXPECT_EQ(plan.products[product].piece_inputs, plan.products[kQkv].piece_inputs);
    }
  }
}

TEST(CudaStepPlan, PartFactorsDivideEveryBlocksNumber) {
  for (const std::int32_t inputs : {768, 3072, 4608, 8192}) {
    const StreamShape shape = stream_shape({100, inputs, inputs, 7, Format::kBf16}, kH200Blocks, kMostParts, 1024);
    for (std::int32_t i = 0; i < kH200Blocks; ++i) EXPECT_EQ(i * shape.part_factor >> 16, i / shape.parts) << i;
  }
}

TEST(CudaStepPlan, ProductsOfFewTilesAreCutAlongTheirInputs) {
  // 48 tiles of 3072 inputs: two halves each are done sooner, by 96 of 132 blocks; a third part would not help.
  EXPECT_EQ(stream_shape({768, 3072, 3072, 48, Format::kBf16}, kH200Blocks, 4).parts, 2);
  EXPECT_EQ(stream_shape({768, 3072, 3072, 48, Format::kBf16}, kH200Blocks, 1).parts, 1);
  // 128 tiles keep all blocks busy; only too many inputs cut them.
  EXPECT_EQ(stream_shape({2048, 2048, 2048, 128, Format::kBf16}, kH200Blocks, 4).parts, 1);
  EXPECT_EQ(stream_shape({2048, 8192, 8192, 128, Format::kBf16}, kH200Blocks, 4).parts, 2);
}

TEST(CudaStepPlan, SharedMemoryIsEnough) {
  for (const auto& [hidden, heads, kv_heads, mlp] :
       {std::array{576, 9, 3, 1536}, std::array{2048, 32, 8, 8192}, std::array{4096, 32, 8, 14336}}) {
    const Shape shape = shape_of(description(hidden, heads, kv_heads, mlp));
    for (const Format format : {Format::kBf16, Format::kF16, Format::kInt8, Format::kInt4}) {
      for (const std::int32_t most_rows : {1, kStepRows}) {
        const StepPlan plan = plan_step(shape, products_of(shape, format), kH200Shared, kH200Blocks, most_rows);
        EXPECT_EQ(plan.max_rows, most_rows) << hidden;
        EXPECT_GT(plan.n_stages, plan.copies_under_way) << "the producer may wait for a copy that it has not begun";
        EXPECT_LE(plan.shared_bytes, kH200Shared);
        for (const StreamShape& product : plan.products) EXPECT_LE(product.chunk_bytes, plan.stage_bytes);
        for (std::int32_t rows = 1; rows <= plan.max_rows; ++rows) {
          for (const std::int32_t longest : {1, 100, 1024, 100000}) {
            const std::int32_t splits = attention_splits(plan, shape, rows, longest, kH200Blocks);
            EXPECT_GE(splits, 1);
            EXPECT_LE(splits, kMostSplits);
          }
        }
      }
    }
  }
}

TEST(CudaStepPlan, ARowOfCodesFitsBesideTheRing) {
  for (const std::int32_t mlp : {1536, 8192, 14336}) {
    const Shape shape = shape_of(description(2048, 32, 8, mlp));
    for (const Format format : {Format::kInt8, Format::kInt4}) {
      const StepPlan plan = plan_step(shape, products_of(shape, format), kH200Shared, kH200Blocks, 1);
      std::int32_t inputs = 0;
      for (const StreamShape& product : plan.products) inputs = std::max(inputs, product.part_inputs);
      EXPECT_EQ(inputs % kTileInputs, 0) << "whole warps encode them";
      EXPECT_GE(plan.shared_bytes - plan.n_stages * plan.stage_bytes - plan.rows_at, coded_row_bytes(inputs)) << mlp;
    }
  }
}

TEST(CudaStepPlan, FamiliesHaveKernelsOfTheirOwnWhereTheyNeedNoMore) {
  const auto family = [](const Shape& shape, Format format, std::int32_t most_rows, bool is_coded = false) {
    return plan_step(shape, products_of(shape, format), kH200Shared, kH200Blocks, most_rows, is_coded).family;
  };
  const Shape small = shape_of(description(576, 9, 3, 1536));
  EXPECT_EQ(family(small, Format::kBf16, 1), StepFamily::kLlama);
  EXPECT_EQ(family(small, Format::kBf16, kStepRows), StepFamily::kAny) << "it has one row only";
  EXPECT_EQ(family(small, Format::kBf16, 1, true), StepFamily::kAny) << "it reads no codes";
  const auto without = [&](auto change) {
    Shape shape = small;
    change(shape);
    return family(shape, Format::kBf16, 1);
  };
  EXPECT_EQ(without([](Shape& shape) { shape.head_dim = 32; }), StepFamily::kAny);
  EXPECT_EQ(without([](Shape& shape) { shape.hidden = 574; }), StepFamily::kAny) << "lanes take 4 values";
  EXPECT_EQ(without([](Shape& shape) { shape.qk_norm = 1; }), StepFamily::kAny);
  EXPECT_EQ(without([](Shape& shape) { shape.post_norm = 1; }), StepFamily::kAny);
  EXPECT_EQ(without([](Shape& shape) { shape.has_windows = 1; }), StepFamily::kAny);
  EXPECT_EQ(without([](Shape& shape) { shape.attention_cap = 30; }), StepFamily::kAny);
  EXPECT_EQ(without([](Shape& shape) { shape.logit_cap = 30; }), StepFamily::kAny);
  EXPECT_EQ(without([](Shape& shape) { shape.activation = IB_ACTIVATION_GELU_TANH; }), StepFamily::kAny);
  EXPECT_EQ(without([](Shape& shape) { shape.gated = 0; }), StepFamily::kAny);
  EXPECT_EQ(without([](Shape& shape) { shape.norm = IB_NORM_LAYER; }), StepFamily::kAny);
  EXPECT_EQ(without([](Shape& shape) { shape.has_rotary = 1; }), StepFamily::kLlama);
  const auto gpt = [&](auto change) {
    return without([&](Shape& shape) {
      shape.norm = IB_NORM_LAYER;
      shape.activation = IB_ACTIVATION_GELU_TANH;
      shape.gated = 0;
      change(shape);
    });
  };
  EXPECT_EQ(gpt([](Shape& /*shape*/) {}), StepFamily::kGpt);
  EXPECT_EQ(gpt([](Shape& shape) { shape.has_rotary = 1; }), StepFamily::kAny);
  EXPECT_EQ(gpt([](Shape& shape) { shape.activation = IB_ACTIVATION_RELU; }), StepFamily::kAny);
  EXPECT_EQ(gpt([](Shape& shape) { shape.norm = IB_NORM_RMS; }), StepFamily::kAny);
  const Shape shared_keys = shape_of(description(2048, 32, 8, 8192));
  EXPECT_EQ(family(shared_keys, Format::kBf16, 1), StepFamily::kLlama);
  EXPECT_EQ(family(shared_keys, Format::kInt4, 1), StepFamily::kLlama);
  EXPECT_EQ(family(shape_of(description(1600, 25, 25, 6400)), Format::kBf16, 1), StepFamily::kLlama);
  EXPECT_EQ(family(shape_of(description(4096, 64, 64, 14336)), Format::kInt4, 1), StepFamily::kAny);
}

TEST(CudaStepPlan, ExchangedPiecesDoNotOverlap) {
  const Shape shape = shape_of(description(2048, 32, 8, 8192));
  const StepPlan plan = plan_step(shape, products_of(shape, Format::kBf16), kH200Shared, kH200Blocks, kStepRows);
  const std::int32_t rows = 3;
  const std::int32_t splits = attention_splits(plan, shape, rows, 200, kH200Blocks);
  const ExchangePlan exchange = plan_exchange(plan, shape, rows, splits);
  const std::array<std::pair<std::int32_t, std::int32_t>, 7> pieces{{
      {exchange.attn_input, rows * shape.hidden_stride / 2},
      {exchange.qkv, rows * shape.qkv_stride},
      {exchange.attended, rows * shape.n_heads * splits * (shape.head_stride + kSplitPad)},
      {exchange.out, plan.products[kOut].parts * rows * shape.hidden_stride},
      {exchange.mlp_input, rows * shape.hidden_stride / 2},
      {exchange.mlp, rows * shape.mlp_stride / 2},
      {exchange.down, plan.products[kDown].parts * rows * shape.hidden_stride},
  }};
  std::int32_t end = 0;
  for (const auto& [at, words] : pieces) {
    EXPECT_GE(at, end);
    EXPECT_EQ(at % 4, 0) << "read 16 bytes at a time";
    end = at + words;
  }
  EXPECT_LE(end, exchange.layer_words);
  EXPECT_LE(exchange_words(exchange, shape), most_exchange_words(plan, shape, kH200Blocks));
}

TEST(CudaStepPlan, ModelsThatDoNotFitHaveNoStep) {
  const Shape shape = shape_of(description(2048, 32, 8, 8192));
  const auto rows_of = [](const Shape& of, Format format, std::int32_t shared_bytes) {
    return plan_step(of, products_of(of, format), shared_bytes, kH200Blocks, 1).max_rows;
  };
  EXPECT_EQ(rows_of(shape, Format::kF32, kH200Shared), 0);
  EXPECT_EQ(rows_of(shape, Format::kBf16, 64 << 10U), 0);
  EXPECT_EQ(rows_of(shape_of(description(8192, 64, 8, 28672)), Format::kBf16, kH200Shared), 0);
}

TEST(CudaProductCut, ItemsCoverTheMatrix) {
  for (const std::int32_t rows : {16, 257, 768, 3072, 16384}) {
    for (const std::int32_t inputs : {64, 96, 768, 1600, 8192}) {
      for (const std::int32_t most_parts : {1, kMostProductParts}) {
        const auto padded = static_cast<std::int32_t>(padded_inputs(Format::kBf16, inputs));
        const ProductCut cut =
            cut_product({rows, inputs, padded, (rows + 15) / 16, Format::kBf16}, kH200Blocks, most_parts);
        EXPECT_GE(cut.tiles * cut.tile_rows, rows);
        EXPECT_EQ(cut.units * kPlainInputs, padded);
        EXPECT_LE(cut.parts, most_parts);
        EXPECT_GE(cut.parts * cut.part_units, cut.units);
        EXPECT_LT((cut.parts - 1) * cut.part_units, cut.units) << "the last part would be empty";
      }
    }
  }
}

TEST(CudaProductCut, FewRowsAreCutAlongTheirInputs) {
  // 2048 rows are 16 tiles of 128: in 8 parts each, 128 of 132 blocks have work.
  const ProductCut down = cut_product({2048, 8192, 8192, 128, Format::kBf16}, kH200Blocks, kMostProductParts);
  EXPECT_EQ(down.tile_rows * 1000 + down.parts, 128008);
  const ProductCut up = cut_product({16384, 2048, 2048, 1024, Format::kBf16}, kH200Blocks, kMostProductParts);
  EXPECT_EQ(up.tile_rows * 1000 + up.parts, 128001);
  // Where parts are not allowed, smaller tiles make up for them.
  EXPECT_EQ(cut_product({3072, 768, 768, 192, Format::kBf16}, kH200Blocks, 1).tile_rows, 32);
}

TEST(CudaTileCut, ItemsCoverTheProduct) {
  for (const Format format : {Format::kBf16, Format::kInt8, Format::kInt4}) {
    for (const std::int32_t outputs : {16, 257, 768, 16384}) {
      for (const std::int32_t inputs : {64, 96, 576, 8192}) {
        for (const std::int32_t rows : {1, 8, 9, 64, 65, 129, kMostTileRows}) {
          for (const std::int32_t most_parts : {1, kMostTileParts}) {
            const auto padded = static_cast<std::int32_t>(padded_inputs(format, inputs));
            const TileCut cut =
                cut_tiles({outputs, inputs, padded, (outputs + 15) / 16, format}, rows, kH200Blocks, most_parts);
            EXPECT_EQ(std::count(std::begin(kTileRowSizes), std::end(kTileRowSizes), cut.rows), 1);
            EXPECT_EQ(cut.rows == 8, rows <= 8);
            EXPECT_GE(cut.row_tiles * cut.rows, rows);
            EXPECT_TRUE(cut.outputs == kTileOutputs || (cut.outputs == kSharedOutputs && cut.rows == kSharedRows));
            EXPECT_GE(cut.output_tiles * cut.outputs, outputs);
            EXPECT_LT((cut.output_tiles - 1) * cut.outputs, outputs);
            EXPECT_GE(cut.units * kTileInputs, padded);
            EXPECT_LT((cut.units - 1) * kTileInputs, padded);
            EXPECT_LE(cut.parts, most_parts);
            EXPECT_GE(cut.parts * cut.part_units, cut.units);
            EXPECT_LT((cut.parts - 1) * cut.part_units, cut.units) << "the last part would be empty";
            EXPECT_EQ(cut.items(), cut.output_tiles * cut.row_tiles * cut.parts);
          }
        }
      }
    }
  }
}

TEST(CudaTileCut, ProductsOfFewTilesAreCutAlongTheirInputs) {
  const TileCut down = cut_tiles({2048, 8192, 8192, 128, Format::kInt4}, 128, kH200Blocks, kMostTileParts);
  EXPECT_EQ(down.rows * 1000 + down.parts, 128008);
  const TileCut up = cut_tiles({16384, 2048, 2048, 1024, Format::kInt4}, 128, kH200Blocks, 1);
  EXPECT_EQ(up.items(), 128);
}

TEST(CudaTileCut, MoreMultiprocessorsHaveWorkWithSmallerTiles) {
  // 3072 rows are only 24 tiles of kTileOutputs.
  const TileCut up = cut_tiles({3072, 768, 768, 192, Format::kBf16}, 128, kH200Blocks, 1);
  EXPECT_EQ(up.outputs, kSharedOutputs);
  EXPECT_EQ(up.items(), 96);
  // A round of two tiles each would take longer than parts that have to be added up.
  const TileCut down = cut_tiles({768, 3072, 3072, 48, Format::kBf16}, 128, kH200Blocks, kMostTileParts);
  EXPECT_LE(down.items(), kH200Blocks);
  EXPECT_GT(down.parts, 1);
}

TEST(CudaTileCut, TilesOfHeadsAreHeads) {
  // Queries, keys and values of GPT-2 124M, SmolLM2-135M, Qwen2.5-0.5B, Llama-3.2-1B.
  for (const auto& [outputs, inputs] :
       {std::pair{2304, 768}, std::pair{960, 576}, std::pair{1152, 896}, std::pair{3072, 2048}}) {
    for (const Format format : {Format::kBf16, Format::kInt4}) {
      const auto padded = static_cast<std::int32_t>(padded_inputs(format, inputs));
      const MatrixShape shape{outputs, inputs, padded, outputs / 16, format};
      const TileCut cut = cut_head_tiles(shape, 128, kH200Blocks);
      EXPECT_TRUE(has_head_tiles(cut)) << outputs;
      EXPECT_EQ(cut.output_tiles * 64, outputs);
      EXPECT_EQ(cut.row_tiles, 2);
      EXPECT_FALSE(has_head_tiles(cut_head_tiles(shape, 8, kH200Blocks))) << "there is no such kernel of 8 rows";
    }
  }
  EXPECT_FALSE(has_head_tiles({64, kSharedOutputs, 12, 2, 2, 6, 3})) << "the parts are not added up";
  EXPECT_FALSE(has_head_tiles({64, kTileOutputs, 6, 2, 1, 6, 6}));
}

TEST(CudaListPlaces, EveryTileHasRoom) {
  for (const std::size_t n : {1U, 7U, 8U, 9U, 128U, 255U, 256U, 512U, 2048U}) {
    const ListPlaces places(n);
    EXPECT_EQ(places.positions, n);
    EXPECT_EQ(places.slots - places.positions, n);
    EXPECT_EQ(places.single_rows - places.slots, n);
    EXPECT_EQ(places.output_rows - places.single_rows, n);
    EXPECT_EQ(places.tiles - places.output_rows, n);
    const std::size_t most_tiles = (places.contexts - places.tiles) * sizeof(std::int32_t) / sizeof(QueryTile);
    for (std::size_t rows = ListPlaces::kFewestTiled; rows <= n; ++rows) {
      const std::size_t tiles_of_segment = (rows + kFewestTileQueries - 1) / kFewestTileQueries;
      EXPECT_LE(n / rows * tiles_of_segment, most_tiles) << n << " rows, segments of " << rows;
    }
    EXPECT_GE((places.end - places.contexts) * sizeof(std::int32_t) / sizeof(CodedContext),
              n / ExpandedRoom::kFewestRows);
  }
}

TEST(CudaExpandedRoom, SegmentsHaveTheirOwnPositionsAsLongAsThereAreSome) {
  ExpandedRoom room(1000);
  EXPECT_EQ(room.take(255, 255), -1) << "too few rows";
  EXPECT_EQ(room.take(256, 300), 0);
  EXPECT_EQ(room.take(256, 701), -1) << "no room";
  EXPECT_EQ(room.take(300, 700), 300);
  EXPECT_EQ(room.take(256, 256), -1);
  EXPECT_EQ(ExpandedRoom(0).take(256, 256), -1);
}

TEST(CudaExpandedCache, EveryHeadAndPositionHasItsOwnPlace) {
  const Shape shape = shape_of(description(256, 4, 2, 512));
  const ExpandedCache expanded{nullptr, 7};
  std::set<std::int64_t> places;
  for (std::int32_t part = 0; part < 2; ++part) {
    for (std::int32_t head = 0; head < shape.n_kv_heads; ++head) {
      for (std::int32_t position = 0; position < expanded.positions; ++position) {
        places.insert(expanded.place(shape, part, head, position));
      }
    }
  }
  EXPECT_EQ(places.size(), 28U);
  EXPECT_EQ(*places.rbegin(), 27 * 64);
}

}  // namespace
}  // namespace inferbench::cuda_backend
