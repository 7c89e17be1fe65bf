// SPDX-License-Identifier: Apache-2.0
// How a product is cut into items: every row meets every tile of weights once, and results fit the scratch.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <engine/product_grid.hpp>
#include <vector>

namespace inferbench::cpu_quant {
namespace {

/// Tables with the two row formats of gemm, whatever this machine has.
std::vector<KernelTable> tables() {
  KernelTable quantized = *select_kernels(Isa::Generic);
  KernelTable bf16 = quantized;
  bf16.gemm_rows.format = RowFormat::Bf16;
  bf16.streamed_rows = 16;
  return {quantized, bf16};
}

Linear linear_of(std::int32_t n, std::int32_t k, WeightFormat format) {
  Linear linear;
  linear.n = n;
  linear.k = k;
  linear.format = format;
  return linear;
}

void expect_covered_once(const ProductGrid& grid, std::int32_t rows, std::int32_t tiles) {
  std::vector<int> covered(static_cast<std::size_t>(rows) * static_cast<std::size_t>(tiles), 0);
  for (std::uint32_t item = 0; item < n_product_items(grid, rows); ++item) {
    const ProductItem part = product_item(grid, item, rows, tiles);
    ASSERT_LT(part.row_begin, part.row_end);
    ASSERT_LT(part.tile_begin, part.tile_end);
    for (std::int32_t row = part.row_begin; row < part.row_end; ++row) {
      for (std::int32_t tile = part.tile_begin; tile < part.tile_end; ++tile) {
        ++covered.at(static_cast<std::size_t>(row) * static_cast<std::size_t>(tiles) + static_cast<std::size_t>(tile));
      }
    }
  }
  ASSERT_EQ(covered, std::vector<int>(covered.size(), 1));
}

TEST(QuantProductGrid, ItemsCoverTheProductOnce) {
  for (const KernelTable& kernels : tables()) {
    for (const int n_threads : {1, 2, 7, 32}) {
      for (const std::int32_t rows : {1, 2, 3, 8, 9, 17, 48, 100, 512}) {
        for (const std::int32_t n : {1, 16, 17, 100, 768, 3072, 5003}) {
          for (const auto result :
               {ProductResult::Matrix, ProductResult::QuantizedRows, ProductResult::GatedRows, ProductResult::Logits}) {
            SCOPED_TRACE(testing::Message() << n_threads << " threads, " << rows << " rows, " << n
                                            << " outputs, result " << static_cast<int>(result));
            const Linear linear = linear_of(n, 768, WeightFormat::Int8);
            const ProductGrid grid = plan_product(kernels, n_threads, linear, rows, result);
            expect_covered_once(grid, rows, n_tiles(n));
            if (HasFatalFailure()) return;
          }
        }
      }
    }
  }
}

TEST(QuantProductGrid, ResultsOfItemsFitTheScratch) {
  for (const KernelTable& kernels : tables()) {
    for (const std::int32_t width : {64, 768, 8192}) {
      for (const std::int32_t max_rows : {1, 40, 512}) {
        const std::uint64_t room = product_result_floats(kernels, width, max_rows);
        for (std::int32_t rows = 1; rows <= max_rows; ++rows) {
          for (const auto result : {ProductResult::QuantizedRows, ProductResult::GatedRows, ProductResult::Logits}) {
            const ProductGrid grid =
                plan_product(kernels, 2, linear_of(50257, width, WeightFormat::Int8), rows, result);
            const auto used = static_cast<std::uint64_t>(std::min(grid.rows, rows) * grid.tiles * kTile);
            ASSERT_LE(used, room) << "width " << width << ", " << rows << " of " << max_rows << " rows";
          }
        }
      }
    }
  }
}

TEST(QuantProductGrid, QuantizedRowsAreMadeOfWholePanels) {
  for (const KernelTable& kernels : tables()) {
    for (const std::int32_t rows : {1, 4, 100}) {
      for (const std::int32_t n : {64, 700, 3072}) {
        const ProductGrid grid =
            plan_product(kernels, 8, linear_of(n, 768, WeightFormat::Int4), rows, ProductResult::QuantizedRows);
        EXPECT_EQ(grid.tiles % kPanelTiles, 0) << rows << " rows, " << n << " outputs";
        const ProductGrid gated =
            plan_product(kernels, 8, linear_of(n, 768, WeightFormat::Int4), rows, ProductResult::GatedRows);
        EXPECT_EQ(gated.tiles % (2 * kPanelTiles), 0) << rows << " rows, " << n << " gates and ups";
      }
    }
  }
}

// A format with a kernel for few rows only takes many in blocks.
TEST(QuantProductGrid, ManyRowsOfAStreamedFormatFitTheScratch) {
  for (const KernelTable& kernels : tables()) {
    const Linear head = linear_of(5003, 768, WeightFormat::Int5);
    for (const std::int32_t rows : {1, 8, 17, 33, 512}) {
      EXPECT_TRUE(streams_weights(kernels, rows, head.format));
      const ProductGrid grid = plan_product(kernels, 2, head, rows, ProductResult::Logits);
      expect_covered_once(grid, rows, n_tiles(head.n));
      EXPECT_LE(static_cast<std::uint64_t>(grid.rows * grid.tiles * kTile), product_result_floats(kernels, 768, rows));
    }
  }
}

TEST(QuantProductGrid, FewRowsStreamTheWeightsOnce) {
  const KernelTable kernels = tables().front();
  const Linear linear = linear_of(3072, 768, WeightFormat::Int8);
  const ProductGrid few = plan_product(kernels, 2, linear, kernels.streamed_rows, ProductResult::Matrix);
  EXPECT_EQ(few.rows, kernels.streamed_rows);  // one row block: each tile is in one item
  const ProductGrid many = plan_product(kernels, 16, linear, 64, ProductResult::Matrix);
  EXPECT_GE(n_product_items(many, 64), 3U * 16U);  // enough items for all threads
}

}  // namespace
}  // namespace inferbench::cpu_quant
