// SPDX-License-Identifier: Apache-2.0
#include "buffer.hpp"

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <utility>

namespace inferbench::cpu_ref {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kCacheLine = 64;

}  // namespace

Buffer::Buffer(std::int64_t n_floats) {
  if (n_floats <= 0) return;
  const auto floats = static_cast<std::size_t>(n_floats);
  if (floats > (SIZE_MAX / 2) / sizeof(float)) throw std::bad_alloc();
  const std::size_t bytes = (floats * sizeof(float) + kCacheLine - 1) / kCacheLine * kCacheLine;
  // Small buffers keep to 4 KiB pages, so that they take no more memory than they report.
  const std::size_t page = bytes >= kHugePage ? kHugePage : 4096;
  const std::size_t length = (bytes + page - 1) / page * page;
  const std::size_t reserved = length + page;  // enough to find an aligned start in
  void* memory = mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  auto* begin = static_cast<std::byte*>(memory);
  const std::size_t before = (page - reinterpret_cast<std::uintptr_t>(begin) % page) % page;
  if (before > 0) munmap(begin, before);
  if (page > before) munmap(begin + before + length, page - before);
  if (page == kHugePage) madvise(begin + before, length, MADV_HUGEPAGE);  // a wish; refused is fine
  data_ = reinterpret_cast<float*>(begin + before);
  n_bytes_ = static_cast<std::int64_t>(length);
}

Buffer::~Buffer() {
  if (data_ != nullptr) munmap(data_, static_cast<std::size_t>(n_bytes_));
}

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), n_bytes_(std::exchange(other.n_bytes_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(n_bytes_, other.n_bytes_);
  return *this;
}

}  // namespace inferbench::cpu_ref
