// SPDX-License-Identifier: Apache-2.0
#include "model/anonymous_memory.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <utility>

#include "support/error.hpp"

namespace inferbench {

AnonymousMemory::AnonymousMemory(std::size_t n_bytes, const std::string& what, std::string hint) : n_bytes_(n_bytes) {
  if (n_bytes_ == 0) return;
  void* data = ::mmap(nullptr, n_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) {
    throw Error(fmt::format("not enough memory for {} MiB of {}", n_bytes_ >> 20U, what), std::move(hint));
  }
  data_ = static_cast<std::byte*>(data);
  ::madvise(data, n_bytes_, MADV_HUGEPAGE);
}

AnonymousMemory::~AnonymousMemory() {
  if (data_ != nullptr) ::munmap(data_, n_bytes_);
}

}  // namespace inferbench
