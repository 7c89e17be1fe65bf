// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace inferbench::cpu_quant {

/// Bytes that one context holds now and held at most; what the memory report is made of. Thread-safe.
class MemoryMeter {
 public:
  void add(std::uint64_t bytes) noexcept;
  void remove(std::uint64_t bytes) noexcept;
  std::uint64_t peak() const noexcept { return peak_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> now_{0};
  std::atomic<std::uint64_t> peak_{0};
};

/// Zeroed memory from the system, 2 MiB-aligned and offered for huge pages where it is large, else page-aligned. Pages
/// that are never touched cost nothing. Move-only; counted by a meter that outlives it.
class Buffer {
 public:
  Buffer() = default;
  /// Throws std::bad_alloc.
  Buffer(std::uint64_t bytes, MemoryMeter& meter);
  ~Buffer();
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::uint8_t* data() noexcept { return data_; }
  const std::uint8_t* data() const noexcept { return data_; }
  std::uint64_t size() const noexcept { return size_; }

 private:
  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(mapped_, other.mapped_);
    std::swap(mapped_bytes_, other.mapped_bytes_);
    std::swap(meter_, other.meter_);
  }

  std::uint8_t* data_ = nullptr;
  std::uint64_t size_ = 0;
  void* mapped_ = nullptr;
  std::uint64_t mapped_bytes_ = 0;
  MemoryMeter* meter_ = nullptr;
};

/// Lays several arrays into one Buffer: ask for each, then allocate, then take them at their offsets.
class BufferPlan {
 public:
  /// Room for `count` values of `size` bytes, cache-line aligned; returns the offset. Throws std::bad_alloc when the
  /// sum does not fit an address space.
  std::uint64_t reserve(std::uint64_t count, std::uint64_t size);
  std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  std::uint64_t bytes_ = 0;
};

}  // namespace inferbench::cpu_quant
