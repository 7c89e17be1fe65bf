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

/// Writes a safetensors file: the tensors are declared first and then streamed, so that the output can be larger than
/// memory. Replaced files and devices are handled as by OutputFile.
class SafetensorsWriter {
 public:
  struct Tensor {
    std::string name;                  ///< UTF-8; unique
    std::string dtype;                 ///< known to safetensors_element_bytes()
    std::vector<std::uint64_t> shape;  ///< empty: a scalar
  };

  /// Writes the header. The data follow through write(), one tensor after another in this order. Throws Error.
  SafetensorsWriter(OutputFile file, std::span<const Tensor> tensors,
                    const std::map<std::string, std::string>& metadata = {});
  SafetensorsWriter(const std::filesystem::path& path, std::span<const Tensor> tensors,
                    const std::map<std::string, std::string>& metadata = {})
      : SafetensorsWriter(OutputFile(path), tensors, metadata) {}

  /// Writes the next values of an F32 or I32 tensor. A call may pass any number of values, and may span tensors of the
  /// same dtype. Throws Error if the disk is full; std::logic_error if the call exceeds the declared size or has the
  /// wrong dtype.
  void write(std::span<const float> values);
  void write(std::span<const std::int32_t> values);
  /// Writes the next bytes, for any dtype.
  void write_bytes(std::span<const std::byte> bytes);

  /// Flushes to disk and renames the file to its final name. Throws Error; std::logic_error if data are missing.
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
