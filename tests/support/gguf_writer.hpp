// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// Little-endian bytes of a number.
template <typename Number>
std::string bytes_of(Number value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

/// Puts together GGUF files, damaged ones too: nothing is checked.
class GgufWriter {
 public:
  /// `type`: as numbered in GGUF files; `value`: its bytes.
  void add_raw(std::string_view key, std::uint32_t type, std::string_view value);
  void add_u32(std::string_view key, std::uint32_t value) { add_raw(key, 4, bytes_of(value)); }
  void add_f32(std::string_view key, float value) { add_raw(key, 6, bytes_of(value)); }
  void add_bool(std::string_view key, bool value) { add_raw(key, 7, std::string(1, value ? '\1' : '\0')); }
  void add_text(std::string_view key, std::string_view value) { add_raw(key, 8, text_bytes(value)); }
  void add_texts(std::string_view key, const std::vector<std::string>& values);
  void add_i32s(std::string_view key, const std::vector<std::int32_t>& values);
  void add_f32s(std::string_view key, const std::vector<float>& values);
  void add_bools(std::string_view key, const std::vector<bool>& values);

  /// `type`: as numbered in GGUF files; `shape`: slowest first.
  void add_tensor(std::string_view name, std::uint32_t type, const std::vector<std::uint64_t>& shape, std::string data);
  void add_tensor(std::string_view name, const std::vector<std::uint64_t>& shape, const std::vector<float>& values);

  /// The file, version 3, aligned to 32 bytes.
  std::string bytes() const;

  static std::string text_bytes(std::string_view text) { return bytes_of(std::uint64_t{text.size()}).append(text); }

 private:
  struct Tensor {
    std::string name;
    std::uint32_t type;
    std::vector<std::uint64_t> shape;
    std::string data;
  };

  std::uint64_t n_keys_ = 0;
  std::string metadata_;
  std::vector<Tensor> tensors_;
};

}  // namespace inferbench
