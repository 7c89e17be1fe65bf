// SPDX-License-Identifier: Apache-2.0
#include "support/mlx_folder.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "inferbench/backend_values.hpp"
#include "model/safetensors_file.hpp"
#include "support/files.hpp"

namespace inferbench {
namespace {

constexpr std::string_view kWeight = ".weight";

template <typename Number>
std::string raw(const std::vector<Number>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Number)};
}

std::uint16_t bf16_of(float value) {
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16U);
}

std::vector<float> values_of(const SafetensorsFile& file, const SafetensorsTensor& tensor) {
  std::uint64_t n = 1;
  for (const std::uint64_t size : tensor.shape) n *= size;
  std::vector<float> values(n);
  const std::int32_t dtype =
      tensor.dtype == "F32" ? IB_DTYPE_F32 : (tensor.dtype == "F16" ? IB_DTYPE_F16 : IB_DTYPE_BF16);
  read_values(file.bytes(tensor).data(), dtype, 1, static_cast<std::int64_t>(n), values.data());
  return values;
}

}  // namespace

MlxFolder::MlxFolder(const std::filesystem::path& source, const std::function<MlxFormat(std::size_t)>& format_of)
    : source_(source) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(source)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("model") && name.ends_with(".safetensors")) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const std::filesystem::path& path : paths) add_file(path, format_of);
}

void MlxFolder::add_file(const std::filesystem::path& path, const std::function<MlxFormat(std::size_t)>& format_of) {
  files_.push_back(path.filename().string());
  const SafetensorsFile file = SafetensorsFile::open(path);
  for (const SafetensorsTensor& tensor : file.tensors()) {
    const std::vector<float> values = values_of(file, tensor);
    if (tensor.shape.size() == 2) {
      const std::string stem = tensor.name.substr(0, tensor.name.size() - kWeight.size());
      add_matrix(stem, values, tensor.shape[0], format_of(values_.size()));
    } else {
      tensors_.push_back({{tensor.name, "F32", tensor.shape}, raw(values), files_.size() - 1});
    }
  }
}

void MlxFolder::add_matrix(const std::string& stem, const std::vector<float>& weights, std::size_t rows,
                           MlxFormat format) {
  const auto [bits, group] = format;
  std::vector<std::uint16_t> scales;
  std::vector<std::uint16_t> biases;
  std::vector<std::uint32_t> packed(weights.size() * bits / 32);
  std::vector<float>& values = values_[stem + std::string(kWeight)];
  const auto levels = static_cast<float>((1U << bits) - 1);
  for (std::size_t begin = 0; begin < weights.size(); begin += group) {
    const auto [least, most] = std::minmax_element(weights.data() + begin, weights.data() + begin + group);
    scales.push_back(bf16_of((*most - *least) / levels));
    biases.push_back(bf16_of(*least));
    const float scale = float_of_bf16(scales.back());
    const float bias = float_of_bf16(biases.back());
    for (std::size_t i = begin; i < begin + group; ++i) {
      const auto q = static_cast<std::uint32_t>(std::clamp(std::round((weights[i] - bias) / scale), 0.0F, levels));
      for (unsigned b = 0; b < bits; ++b) {
        const std::size_t bit = i * bits + b;
        packed[bit / 32] |= (q >> b & 1U) << (bit % 32);
      }
      values.push_back(scale * static_cast<float>(q) + bias);
    }
  }
  const std::uint64_t inputs = weights.size() / rows;
  const std::size_t file = files_.size() - 1;
  tensors_.push_back({{stem + ".weight", "U32", {rows, inputs * bits / 32}}, raw(packed), file});
  tensors_.push_back({{stem + ".scales", "BF16", {rows, inputs / group}}, raw(scales), file});
  tensors_.push_back({{stem + ".biases", "BF16", {rows, inputs / group}}, raw(biases), file});
}

MlxFolder::Tensor& MlxFolder::tensor(const std::string& name) {
  for (Tensor& one : tensors_) {
    if (one.head.name == name) return one;
  }
  throw std::runtime_error("no tensor " + name);
}

void MlxFolder::remove(const std::string& name) {
  std::erase_if(tensors_, [&](const Tensor& one) { return one.head.name == name; });
}

void MlxFolder::write(const std::filesystem::path& folder) const {
  auto config = nlohmann::json::parse(read_file(source_ / "config.json"));
  config["quantization"] = {{"group_size", 32}, {"bits", 4}};
  config["quantization_config"] = config["quantization"];
  std::ofstream(folder / "config.json") << config.dump();
  for (std::size_t i = 0; i < files_.size(); ++i) {
    std::vector<SafetensorsWriter::Tensor> heads;
    for (const Tensor& one : tensors_) {
      if (one.file == i) heads.push_back(one.head);
    }
    SafetensorsWriter writer(folder / files_[i], heads);
    for (const Tensor& one : tensors_) {
      if (one.file == i) writer.write_bytes(std::as_bytes(std::span(one.data)));
    }
    writer.finish();
  }
  if (files_.size() > 1) write_index(folder);
}

void MlxFolder::write_index(const std::filesystem::path& folder) const {
  nlohmann::json index;
  for (const Tensor& one : tensors_) index["weight_map"][one.head.name] = files_[one.file];
  std::ofstream(folder / "model.safetensors.index.json") << index.dump();
}

}  // namespace inferbench
