// SPDX-License-Identifier: Apache-2.0
#include "quantized_folder.hpp"

#include <mlx/io.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include "inferbench/safetensors_names.hpp"

namespace inferbench::mlx_backend {
namespace {

namespace fs = std::filesystem;

// The host has checked that they are whole and belong together.
std::vector<fs::path> safetensors_files(const fs::path& folder) {
  std::error_code error;
  if (const fs::path single = folder / "model.safetensors"; fs::exists(single, error)) return {single};
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with("model") && name.ends_with(".safetensors")) files.push_back(entry->path());
  }
  return files;
}

void check_groups(const std::string& name, int group_size) {
  constexpr std::array<int, 3> kGroups = {32, 64, 128};
  if (std::find(kGroups.begin(), kGroups.end(), group_size) != kGroups.end()) return;
  throw Failure(IB_UNSUPPORTED, name + ": groups of " + std::to_string(group_size) +
                                    " values; MLX multiplies by groups of 32, 64 or 128");
}

[[noreturn]] void fail_shape(const std::string& name) {
  throw Failure(IB_INVALID_ARGUMENT, name + ": the folder's file has another shape than the model");
}

mx::array evaluated(mx::array x) {
  mx::eval(x);
  return x;
}

}  // namespace

QuantizedFolder::QuantizedFolder(const std::string& path) {
  for (const fs::path& file : safetensors_files(path)) {
    const mx::SafetensorsLoad loaded = mx::load_safetensors(file.string());
    for (const auto& [name, array] : loaded.first) tensors_.emplace(checkpoint_name(name), array);
  }
  const auto scales = std::find_if(tensors_.begin(), tensors_.end(),
                                   [](const auto& named) { return named.first.ends_with(".scales"); });
  if (scales == tensors_.end()) {
    throw Failure(IB_UNSUPPORTED, "this precision needs a model that is a folder quantized by MLX (mlx_lm.convert -q)");
  }
  scales_type_ = scales->second.dtype();
}

const mx::array& QuantizedFolder::tensor(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw Failure(IB_INVALID_ARGUMENT, "the folder's files have no tensor " + name);
  return found->second;
}

Matrix QuantizedFolder::matrix(const std::string& name, std::int64_t outputs, std::int64_t inputs, bool post_norm,
                               mx::Dtype dtype) const {
  const std::string stored = safetensors_tensor_name(name, post_norm);
  const std::string stem = stored.substr(0, stored.rfind('.'));
  const mx::array& weight = tensor(stored);
  if (weight.ndim() != 2 || weight.shape(0) != outputs) fail_shape(stored);
  Matrix matrix;
  if (!tensors_.contains(stem + ".scales")) {
    if (weight.shape(1) != inputs) fail_shape(stored);
    matrix.weight = evaluated(mx::astype(weight, dtype));
    return matrix;
  }
  const mx::array& scales = tensor(stem + ".scales");
  const std::int64_t n_bits = std::int64_t{weight.shape(1)} * 32;
  if (scales.ndim() != 2 || scales.shape(0) != outputs || scales.shape(1) < 1 || n_bits % inputs != 0 ||
      inputs % scales.shape(1) != 0) {
    fail_shape(stored);
  }
  matrix.bits = extent(n_bits / inputs);
  matrix.group_size = extent(inputs / scales.shape(1));
  check_groups(stored, matrix.group_size);
  matrix.weight = evaluated(weight);
  matrix.scales = evaluated(mx::astype(scales, dtype));
  matrix.biases = evaluated(mx::astype(tensor(stem + ".biases"), dtype));
  return matrix;
}

}  // namespace inferbench::mlx_backend
