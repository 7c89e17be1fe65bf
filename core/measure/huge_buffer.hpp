// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace inferbench {

/// Zero pages, aligned to 2 MiB, with a request for huge pages; not touched yet.
class HugeBuffer {
 public:
  /// Throws std::bad_alloc.
  explicit HugeBuffer(std::size_t bytes);
  ~HugeBuffer();
  HugeBuffer(const HugeBuffer&) = delete;
  HugeBuffer& operator=(const HugeBuffer&) = delete;

  char* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  void* mapping_;
  std::size_t mapped_;
  char* data_;
  std::size_t size_;
};

}  // namespace inferbench
