// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace inferbench::llama_cpp {

/// Keeps llama.cpp's messages off stderr. Its errors are kept for take_errors(). Once per process is enough.
void capture_log();

/// What llama.cpp complained of in this thread since the last call: one line, empty if nothing.
std::string take_errors();

/// Listens to what llama.cpp says in this thread about the buffers of a context that it makes, while *this lives:
/// llama.h has no function that tells their sizes. One at a time.
class BufferSizes {
 public:
  BufferSizes();
  BufferSizes(const BufferSizes&) = delete;
  BufferSizes& operator=(const BufferSizes&) = delete;
  ~BufferSizes();

  /// A message of llama.cpp's.
  void read(std::string_view line);
  /// Of the compute buffers and the buffer for logits, on all devices.
  std::uint64_t work_bytes() const;

 private:
  std::map<std::string, std::uint64_t, std::less<>> bytes_;  // by what the message calls the buffer
};

}  // namespace inferbench::llama_cpp
