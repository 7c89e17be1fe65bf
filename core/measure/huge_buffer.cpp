// SPDX-License-Identifier: Apache-2.0
#include "measure/huge_buffer.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <new>

namespace inferbench {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20U;

}  // namespace

HugeBuffer::HugeBuffer(std::size_t bytes) : mapped_(bytes + kHugePage), size_(bytes) {
  mapping_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping_ == MAP_FAILED) throw std::bad_alloc();
  const auto start = reinterpret_cast<std::uintptr_t>(mapping_);
  data_ = static_cast<char*>(mapping_) + (kHugePage - start % kHugePage) % kHugePage;
  madvise(data_, size_, MADV_HUGEPAGE);  // a request: the kernel may ignore it
}

HugeBuffer::~HugeBuffer() {
  munmap(mapping_, mapped_);
}

}  // namespace inferbench
