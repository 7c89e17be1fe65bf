// SPDX-License-Identifier: Apache-2.0
#include "engine/buffer.hpp"

#include <sys/mman.h>

#include <new>

namespace inferbench::cpu_quant {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kHugePage = std::uint64_t{2} << 20;
constexpr std::uint64_t kLine = 64;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 46;  // far above any machine, far below overflow

std::uint64_t whole_units(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

void MemoryMeter::add(std::uint64_t bytes) noexcept {
  const std::uint64_t now = now_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  std::uint64_t peak = peak_.load(std::memory_order_relaxed);
  while (peak < now && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
  }
}

void MemoryMeter::remove(std::uint64_t bytes) noexcept {
  now_.fetch_sub(bytes, std::memory_order_relaxed);
}

Buffer::Buffer(std::uint64_t bytes, MemoryMeter& meter) : size_(bytes) {
  if (bytes == 0) return;
  if (bytes > kMostBytes) throw std::bad_alloc();
  const bool huge = bytes >= kHugePage;
  mapped_bytes_ = huge ? whole_units(bytes, kPage) + kHugePage : whole_units(bytes, kPage);
  mapped_ = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped_ == MAP_FAILED) {
    mapped_ = nullptr;
    throw std::bad_alloc();
  }
  data_ = static_cast<std::uint8_t*>(mapped_);
  if (huge) {
    const auto address = reinterpret_cast<std::uintptr_t>(mapped_);
    data_ += whole_units(address, kHugePage) - address;
    // Only whole huge pages, so that the last one does not make memory resident that nobody asked for. A refusal
    // costs speed, not correctness.
    madvise(data_, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
  }
  meter_ = &meter;
  meter_->add(size_);
}

Buffer::~Buffer() {
  if (mapped_ == nullptr) return;
  munmap(mapped_, mapped_bytes_);
  meter_->remove(size_);
}

std::uint64_t BufferPlan::reserve(std::uint64_t count, std::uint64_t size) {
  if (count > kMostBytes || (size > 0 && count > kMostBytes / size) || bytes_ > kMostBytes) throw std::bad_alloc();
  const std::uint64_t offset = bytes_;
  bytes_ += whole_units(count * size, kLine);
  return offset;
}

}  // namespace inferbench::cpu_quant
