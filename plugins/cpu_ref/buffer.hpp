// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace inferbench::cpu_ref {

/// Zeroed fp32 memory in whole 2 MiB pages where the system grants them. Throws std::bad_alloc.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::int64_t n_floats);
  ~Buffer();
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  float* data() const { return data_; }  ///< 2 MiB aligned
  std::int64_t n_bytes() const { return n_bytes_; }

 private:
  float* data_ = nullptr;
  std::int64_t n_bytes_ = 0;
};

/// `value` rounded up to a multiple of `step`.
constexpr std::int64_t round_up(std::int64_t value, std::int64_t step) {
  return (value + step - 1) / step * step;
}

}  // namespace inferbench::cpu_ref
