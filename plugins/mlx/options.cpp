// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <array>
#include <string>
#include <string_view>

namespace inferbench::mlx_backend {
namespace {

struct NamedType {
  std::string_view name;
  mx::Dtype dtype;
};

const std::array<NamedType, 3>& types() {
  static const std::array<NamedType, 3> all = {{{"fp32", mx::float32}, {"fp16", mx::float16}, {"bf16", mx::bfloat16}}};
  return all;
}

}  // namespace

Format read_format(std::string_view precision, const OptionReader& options, bool is_gpu) {
  for (const NamedType& type : types()) {
    if (type.name == precision) return {type.dtype};
  }
  const bool is_of_folder = precision == kOfTheFolder;
  if (precision != "int8" && precision != "int4" && !is_of_folder) {
    throw Failure(IB_UNSUPPORTED, "no precision '" + std::string(precision) + "'");
  }
  Format format{is_gpu ? mx::float16 : mx::float32};
  if (!is_of_folder) {
    format.bits = precision == "int8" ? 8 : 4;
    format.group_size = std::stoi(std::string(options.text("group_size")));
  }
  const std::string_view activations = options.text("activations");
  format.is_of_folder = is_of_folder && is_gpu && activations == "auto";
  for (const NamedType& type : types()) {
    if (type.name == activations) format.dtype = type.dtype;
  }
  return format;
}

bool read_compile(const OptionReader& options, bool is_gpu) {
  const std::string_view choice = options.text("compile");
  return choice == "auto" ? is_gpu : choice == "on";
}

}  // namespace inferbench::mlx_backend
