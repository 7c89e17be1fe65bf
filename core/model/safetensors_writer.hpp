// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support/output_file.hpp"

namespace inferbench {

/// Writes a safetensors file whose tensors are announced first and then streamed, so that an output larger than memory
/// can be written. What OutputFile says of replaced files and of devices holds here.
class SafetensorsWriter {
 public:
  struct Tensor {
    std::string name;                  ///< UTF-8; each once
    std::string dtype;                 ///< one that safetensors_element_bytes() knows
    std::vector<std::uint64_t> shape;  ///< empty: a scalar
  };

  /// Writes the header. The data follow by write(), tensor after tensor in this order. Throws Error.
  SafetensorsWriter(OutputFile file, std::span<const Tensor> tensors,
                    const std::map<std::string, std::string>& metadata = {});
  SafetensorsWriter(const std::filesystem::path& path, std::span<const Tensor> tensors,
                    const std::map<std::string, std::string>& metadata = {})
      : SafetensorsWriter(OutputFile(path), tensors, metadata) {}

  /// The next values of an F32 or I32 tensor; pieces may have any size, and may cross tensors of one dtype.
  /// Throws Error when the disk is full; std::logic_error when more is written than was announced, or another dtype.
  void write(std::span<const float> values);
  void write(std::span<const std::int32_t> values);
  /// The next bytes, whatever the dtype.
  void write_bytes(std::span<const std::byte> bytes);

  /// Flushes to disk and gives the file its name. Throws Error; std::logic_error when data are missing.
  void finish();

 private:
  struct Extent {
    std::string dtype;
    std::uint64_t end = 0;
  };

  void check_dtype(std::string_view dtype, std::uint64_t n_bytes) const;
  void write_raw(std::span<const std::byte> bytes);

  OutputFile file_;
  std::vector<Extent> extents_;
  std::uint64_t announced_ = 0;
  std::uint64_t written_ = 0;
};

}  // namespace inferbench
