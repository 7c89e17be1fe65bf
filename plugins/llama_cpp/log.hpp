// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace inferbench::llama_cpp {

/// Keeps llama.cpp's messages off stderr. Its errors are kept for take_errors(). Once per process is enough.
void capture_log();

/// What llama.cpp complained of in this thread since the last call: one line, empty if nothing.
std::string take_errors();

/// Listens to what llama.cpp says in this thread about a context that it makes, while *this lives: llama.h has no
/// function that tells it. One at a time.
class ContextMessages {
 public:
  ContextMessages();
  ContextMessages(const ContextMessages&) = delete;
  ContextMessages& operator=(const ContextMessages&) = delete;
  ~ContextMessages();

  /// A message of llama.cpp's.
  void read(std::string_view line);
  /// Of the compute buffers and the buffer for logits, on all devices.
  std::uint64_t work_bytes() const;
  /// Layers with a sliding window. Without a value if the context has no cache of their own.
  std::optional<std::int32_t> window_layers() const { return window_layers_; }

 private:
  void read_buffer(std::string_view line);
  void read_cache(std::string_view line);

  bool is_window_cache_ = false;  // the cache that it makes now
  std::optional<std::int32_t> window_layers_;
  std::map<std::string, std::uint64_t, std::less<>> bytes_;  // by what the message calls the buffer
};

}  // namespace inferbench::llama_cpp
