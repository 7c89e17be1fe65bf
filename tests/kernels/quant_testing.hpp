// SPDX-License-Identifier: Apache-2.0
//
// What the tests of cpu_quant's kernels share: aligned memory of exact size, packed random weights, comparison by bits.
#pragma once

#include <gtest/gtest.h>
#include <kernels/kernels.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "support/required_isa.hpp"

namespace inferbench::cpu_quant {

// Zeroed memory, 64-byte aligned, whose end is where a sanitizer expects it.
template <class T>
class Aligned {
 public:
  explicit Aligned(int64_t n)
      : size_(n), data_(static_cast<T*>(::operator new (static_cast<size_t>(n) * sizeof(T), std::align_val_t{64}))) {
    std::memset(static_cast<void*>(data_.get()), 0, static_cast<size_t>(n) * sizeof(T));
  }
  [[nodiscard]] T* data() { return data_.get(); }
  [[nodiscard]] const T* data() const { return data_.get(); }
  [[nodiscard]] int64_t size() const { return size_; }
  T& operator[](int64_t i) { return data_.get()[i]; }
  const T& operator[](int64_t i) const { return data_.get()[i]; }

 private:
  struct Free {
    void operator()(T* p) const { ::operator delete (p, std::align_val_t{64}); }
  };
  int64_t size_;
  std::unique_ptr<T, Free> data_;
};

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  int32_t integer(int32_t low, int32_t high) { return std::uniform_int_distribution<int32_t>(low, high)(engine_); }
  float normal(float deviation = 1.0F) { return std::normal_distribution<float>(0.0F, deviation)(engine_); }
  std::vector<float> normals(int64_t n, float deviation = 1.0F) {
    std::vector<float> r(static_cast<size_t>(n));
    for (float& x : r) x = normal(deviation);
    return r;
  }

 private:
  std::mt19937 engine_;
};

inline uint32_t bits_of(float x) {
  uint32_t r = 0;
  std::memcpy(&r, &x, sizeof(r));
  return r;
}

// All floats equal by bits; any NaN equals any other.
inline testing::AssertionResult same_bits(const float* a, const float* b, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    if (bits_of(a[i]) != bits_of(b[i]) && !(a[i] != a[i] && b[i] != b[i])) {
      return testing::AssertionFailure() << "element " << i << ": " << a[i] << " and " << b[i];
    }
  }
  return testing::AssertionSuccess();
}

// Quantized rows equal by bits, where a NaN scale equals any other.
inline testing::AssertionResult same_rows(const uint8_t* a, const uint8_t* b, int32_t m, int32_t k) {
  for (int32_t r = 0; r < m; ++r) {
    const uint8_t* x = a + r * quantized_row_bytes(k);
    const uint8_t* y = b + r * quantized_row_bytes(k);
    if (std::memcmp(x, y, static_cast<size_t>(row_scale_offset(k))) != 0) {
      return testing::AssertionFailure() << "values of row " << r << " differ";
    }
    const auto* scale_x = reinterpret_cast<const float*>(x + row_scale_offset(k));
    const auto* scale_y = reinterpret_cast<const float*>(y + row_scale_offset(k));
    if (auto same = same_bits(scale_x, scale_y, n_groups(k)); !same) return same << " of the scales of row " << r;
    if (std::memcmp(x + row_sum_offset(k), y + row_sum_offset(k), static_cast<size_t>(n_groups(k)) * 4) != 0) {
      return testing::AssertionFailure() << "sums of row " << r << " differ";
    }
  }
  return testing::AssertionSuccess();
}

inline void put_float(uint8_t* at, float x) {
  std::memcpy(at, &x, sizeof(x));
}

// Where a matrix's numbers come from.
enum class Fill { Random, Largest, Smallest, Zero };

// n x k int8 weights, packed for signed or unsigned rows, with random multipliers (extreme fills: 255) and scales.
inline Aligned<uint8_t> packed_i8(int32_t n, int32_t k, Fill fill, bool unsigned_rows, Random& random) {
  Aligned<uint8_t> packed(i8_bytes(n, k));
  const bool extreme = fill == Fill::Largest || fill == Fill::Smallest;
  for (int32_t channel = 0; channel < n_tiles(n) * kTile; ++channel) {
    put_float(packed.data() + i8_scale_offset(k, channel), channel < n ? 1e-4F + 1e-5F * random.normal() : 0.0F);
    for (int32_t i = 0; i < round_up(k, 4); ++i) {
      int32_t value = 0;
      if (channel < n && i < k) {
        value = fill == Fill::Random     ? random.integer(-127, 127)
                : fill == Fill::Largest  ? 127
                : fill == Fill::Smallest ? -127
                                         : 0;
        if (i % kScaleGroup == 0) {
          packed[i8_multiplier_offset(k, channel, i)] = static_cast<uint8_t>(extreme ? 255 : random.integer(0, 255));
        }
      }
      packed[i8_weight_offset(k, channel, i)] = static_cast<uint8_t>(unsigned_rows ? value : value + 128);
    }
  }
  return packed;
}

// n x k int4 weights, packed, with random scales. Largest: all codes 15, multipliers 16; smallest: codes 0.
inline Aligned<uint8_t> packed_i4(int32_t n, int32_t k, Fill fill, Random& random) {
  Aligned<uint8_t> packed(i4_bytes(n, k));
  for (int32_t tile = 0; tile < n_tiles(n); ++tile) {
    for (int32_t b = 0; b < n_super_blocks(k); ++b) {
      const int32_t inputs = super_block_inputs(k, b);
      uint8_t* block = packed.data() + tile * i4_tile_bytes(k) + i4_super_block_offset(b);
      std::memset(block + i4_multiplier_bytes(inputs), 0x88,
                  static_cast<size_t>(i4_super_block_bytes(inputs) - i4_multiplier_bytes(inputs)));
    }
  }
  const auto put = [&](int64_t at, int32_t shift, int32_t value) {
    packed[at] = static_cast<uint8_t>((packed[at] & ~(15 << shift)) | (value << shift));
  };
  for (int32_t channel = 0; channel < n_tiles(n) * kTile; ++channel) {
    for (int32_t b = 0; b < n_super_blocks(k); ++b) {
      put_float(packed.data() + i4_scale_offset(k, channel, b), channel < n ? 0.01F + 0.001F * random.normal() : 0.0F);
    }
    for (int32_t i = 0; i < k && channel < n; ++i) {
      const bool extreme = fill == Fill::Largest || fill == Fill::Smallest;
      const int32_t code = fill == Fill::Random     ? random.integer(0, 15)
                           : fill == Fill::Largest  ? 15
                           : fill == Fill::Smallest ? 0
                                                    : 8;
      put(i4_code_offset(k, channel, i), i4_shift(i), code);
      if (i % kHalfGroup == 0) {
        put(i4_multiplier_offset(k, channel, i), i4_shift(i), extreme ? 15 : random.integer(0, 15));
      }
    }
  }
  return packed;
}

// The 8-bit value of a packed weight, without its multiplier.
inline int32_t weight_i8(const uint8_t* packed, int32_t k, int32_t channel, int32_t i, bool unsigned_rows) {
  const uint8_t byte = packed[i8_weight_offset(k, channel, i)];
  return unsigned_rows ? int32_t{static_cast<int8_t>(byte)} : byte - 128;
}

inline int32_t code_i4(const uint8_t* packed, int32_t k, int32_t channel, int32_t i) {
  return (packed[i4_code_offset(k, channel, i)] >> i4_shift(i)) & 15;
}

inline int32_t multiplier_i4(const uint8_t* packed, int32_t k, int32_t channel, int32_t i) {
  return ((packed[i4_multiplier_offset(k, channel, i)] >> i4_shift(i)) & 15) + 1;
}

// The integer value of a packed weight, its multiplier included.
inline int32_t weight_i4(const uint8_t* packed, int32_t k, int32_t channel, int32_t i) {
  return multiplier_i4(packed, k, channel, i) * (code_i4(packed, k, channel, i) - 8);
}

inline std::string isa_text(Isa isa) {
  switch (isa) {
    case Isa::Generic:
      return "generic";
    case Isa::Avx2:
      return "avx2";
    case Isa::AvxVnni:
      return "avxvnni";
    case Isa::Avx512Vnni:
      return "avx512vnni";
    case Isa::Amx:
      return "amx";
    case Isa::Auto:
      break;
  }
  return "auto";
}

// Each instruction set that this machine runs; others are skipped, with a word.
class OnEveryIsa : public testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    kernels_ = select_kernels(GetParam());
    generic_ = select_kernels(Isa::Generic);
    SKIP_WITHOUT_ISA(kernels_ != nullptr, isa_text(GetParam()));
    ASSERT_EQ(kernels_->isa, GetParam());
  }
  [[nodiscard]] const KernelTable& kernels() const { return *kernels_; }
  [[nodiscard]] const KernelTable& generic() const { return *generic_; }

 private:
  const KernelTable* kernels_ = nullptr;
  const KernelTable* generic_ = nullptr;
};

inline std::string isa_name(const testing::TestParamInfo<Isa>& info) {
  return isa_text(info.param);
}

}  // namespace inferbench::cpu_quant
