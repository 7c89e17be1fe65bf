// SPDX-License-Identifier: Apache-2.0
#include "model/checkpoint.hpp"

#include <fmt/format.h>

#include <cstring>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "inferbench/backend_values.hpp"
#include "inferbench/safetensors_names.hpp"
#include "model/families/families.hpp"
#include "model/in_quotes.hpp"
#include "model/mlx_quantized.hpp"
#include "model/row_conversions.hpp"
#include "model/safetensors_layout.hpp"
#include "model/shard_index.hpp"
#include "model/unsupported_models.hpp"
#include "model/weights_storage.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;

using NameMap = std::unordered_map<std::string_view, TensorPlace>;

// The index and the shards must agree.
void check_index(const ShardIndex& index, const fs::path& index_path, std::span<const SafetensorsFile> files) {
  std::size_t n_found = 0;
  for (const SafetensorsFile& file : files) {
    const std::string file_name = file.path().filename().string();
    for (const SafetensorsTensor& tensor : file.tensors()) {
      const auto entry = index.file_of.find(tensor.name);
      if (entry == index.file_of.end() || entry->second != file_name) {
        throw Error(fmt::format("{}: tensor {} is not in the index for this file", file.path().string(),
                                in_quotes(tensor.name)),
                    fmt::format("fetch {} and the shards again", index_path.string()));
      }
      ++n_found;
    }
  }
  if (n_found == index.file_of.size()) return;
  std::unordered_map<std::string_view, const SafetensorsFile*> by_name;
  for (const SafetensorsFile& file : files) {
    for (const SafetensorsTensor& tensor : file.tensors()) by_name.emplace(tensor.name, &file);
  }
  for (const auto& [tensor, file_name] : index.file_of) {
    if (by_name.contains(tensor)) continue;
    throw Error(fmt::format("{}: the index says that tensor {} is in {}, but it is not", index_path.string(),
                            in_quotes(tensor), in_quotes(file_name)),
                "fetch the index and the shards again");
  }
}

std::vector<SafetensorsFile> open_files(const fs::path& folder) {
  std::vector<SafetensorsFile> files;
  const fs::path single = folder / "model.safetensors";
  const fs::path index_path = folder / "model.safetensors.index.json";
  std::error_code ignored;
  if (fs::exists(single, ignored)) {
    files.push_back(SafetensorsFile::open(single));
  } else if (fs::exists(index_path, ignored)) {
    const ShardIndex index = read_shard_index(index_path);
    for (const std::string& name : index.files) files.push_back(SafetensorsFile::open(folder / name));
    check_index(index, index_path, files);
  } else {
    refuse_unsupported_folder(folder);
    throw Error(fmt::format("{}: neither model.safetensors nor model.safetensors.index.json", folder.string()),
                "give a folder as transformers' save_pretrained writes it");
  }
  return files;
}

NameMap map_names(std::span<const SafetensorsFile> files) {
  NameMap names;
  for (std::size_t i = 0; i < files.size(); ++i) {
    for (const SafetensorsTensor& tensor : files[i].tensors()) {
      const std::string_view name = checkpoint_name(tensor.name);
      if (is_quantized_tensor(name) && !is_mlx_part(name)) {
        throw Error(fmt::format("{}: tensor {}: a quantized checkpoint, which is not supported",
                                files[i].path().string(), in_quotes(tensor.name)),
                    kGiveUnquantized);
      }
      if (!names.emplace(name, TensorPlace{i, &tensor}).second) {
        throw Error(fmt::format("{}: tensor {} occurs twice", files[i].path().string(), in_quotes(name)),
                    "with and without a prefix (model., transformer., module., ...), or in two shards: keep one");
      }
    }
  }
  for (const auto& [name, place] : names) {
    const std::string_view stem = name.substr(0, name.rfind('.'));
    if (!is_mlx_part(name) || names.contains(std::string(stem) + ".biases")) continue;
    throw Error(fmt::format("{}: tensor {}: a quantized checkpoint, which is not supported",
                            files[place.file].path().string(), in_quotes(place.tensor->name)),
                kGiveUnquantized);
  }
  return names;
}

void check_shape(const SafetensorsFile& file, const SafetensorsTensor& tensor, const StoredTensor& stored) {
  const std::vector<std::uint64_t> wanted(stored.shape.begin(), stored.shape.end());
  if (tensor.shape == wanted) return;
  throw Error(fmt::format("{}: tensor {}: shape {}, but config.json requires {}", file.path().string(),
                          in_quotes(tensor.name), shape_text(tensor.shape), shape_text(wanted)),
              "config.json and the weights are of different models; fetch both again");
}

std::int32_t dtype_code(const SafetensorsFile& file, const SafetensorsTensor& tensor) {
  if (tensor.dtype == "F32") return IB_DTYPE_F32;
  if (tensor.dtype == "F16") return IB_DTYPE_F16;
  if (tensor.dtype == "BF16") return IB_DTYPE_BF16;
  throw Error(fmt::format("{}: tensor {}: dtype {} is not supported", file.path().string(), in_quotes(tensor.name),
                          tensor.dtype),
              "convert the file to F32, F16 or BF16");
}

// `names`: the tensors that the config does not ask for. Only buffers and the copy of a tied head may be there.
void check_nothing_besides(std::span<const SafetensorsFile> files, const NameMap& names, const ModelConfig& config) {
  const Family& family = family_of(config);
  for (const SafetensorsFile& file : files) {
    for (const SafetensorsTensor& tensor : file.tensors()) {
      const std::string_view name = checkpoint_name(tensor.name);
      if (!names.contains(name) || family.is_unused(name)) continue;
      if (config.tied_head && name == "lm_head.weight") continue;
      throw Error(
          fmt::format("{}: tensor {} is not part of a {} model with {}", file.path().string(), in_quotes(tensor.name),
                      family.name, counted(config.n_layers, "layer")),
          fmt::format("config.json and the weights are of different models, or the model is more than a plain {}",
                      family.name));
    }
  }
}

// Moves NAME.scales and NAME.biases, which stand beside a quantized NAME.weight, from `names` to `bound`.
void take_mlx_parts(NameMap& names, std::string_view weight, BoundTensor& bound) {
  constexpr std::string_view kWeight = ".weight";
  if (!weight.ends_with(kWeight)) return;
  const std::string stem(weight.substr(0, weight.size() - kWeight.size()));
  const auto scales = names.find(stem + ".scales");
  const auto biases = names.find(stem + ".biases");
  if (scales == names.end() || biases == names.end()) return;
  bound.scales = scales->second;
  bound.biases = biases->second;
  names.erase(scales);
  names.erase(biases);
}

// The tensors of a matrix that MLX has quantized.
MlxTensors mlx_tensors(std::span<const SafetensorsFile> files, const BoundTensor& bound) {
  return {&files[bound.weight.file], bound.weight.tensor,       &files[bound.scales.file],
          bound.scales.tensor,       &files[bound.biases.file], bound.biases.tensor};
}

class MappedStorage final : public Weights::Storage {
 public:
  MappedStorage(Checkpoint checkpoint, const ModelConfig& config)
      : Storage(decoder::tensors(model_desc(config))), checkpoint_(std::move(checkpoint)) {
    std::vector<std::size_t> dequantized;  // of the quantized ones, in order
    for (std::size_t i = 0; i < checkpoint_.stored().size(); ++i) {
      if (checkpoint_.tensors()[i].is_quantized()) dequantized.push_back(add_dequantized(i));
    }
    conversions_.run();
    auto next = dequantized.begin();
    for (std::size_t i = 0; i < checkpoint_.stored().size(); ++i) {
      if (checkpoint_.tensors()[i].is_quantized()) {
        add_views(checkpoint_.stored()[i], IB_DTYPE_F32, conversions_.data(*next++));
      } else {
        add_plain(checkpoint_.stored()[i], checkpoint_.tensors()[i].weight);
      }
    }
  }

 private:
  std::size_t add_dequantized(std::size_t i) {
    const MlxMatrix matrix =
        read_mlx_matrix(mlx_tensors(checkpoint_.files(), checkpoint_.tensors()[i]), checkpoint_.stored()[i]);
    return conversions_.add(
        matrix.rows, static_cast<std::size_t>(matrix.inputs) * sizeof(float),
        [matrix](std::int64_t row, std::byte* out) { matrix.dequantize_row(row, reinterpret_cast<float*>(out)); });
  }

  void add_plain(const StoredTensor& stored, const TensorPlace& place) {
    const SafetensorsFile& file = checkpoint_.files()[place.file];
    const std::int32_t dtype = dtype_code(file, *place.tensor);
    const void* data = aligned(file.bytes(*place.tensor), dtype);
    if (stored.add_one) {
      add_views(stored, IB_DTYPE_F32, one_plus(data, dtype, stored.n_elements()));
    } else {
      add_views(stored, dtype, data);
    }
  }

  std::uint32_t* new_words(std::size_t n) { return copies_.emplace_back(n).data(); }

  const void* aligned(std::span<const std::byte> bytes, std::int32_t dtype) {
    const std::size_t alignment = dtype == IB_DTYPE_F32 ? 4 : 2;
    if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignment == 0) return bytes.data();
    void* copy = new_words((bytes.size() + 3) / 4);
    std::memcpy(copy, bytes.data(), bytes.size());
    return copy;
  }

  const void* one_plus(const void* data, std::int32_t dtype, std::int64_t n) {
    std::vector<float> values(static_cast<std::size_t>(n));
    read_values(data, dtype, 1, n, values.data());
    for (float& value : values) value += 1;
    std::uint32_t* copy = new_words(values.size());
    std::memcpy(copy, values.data(), values.size() * sizeof(float));
    return copy;
  }

  Checkpoint checkpoint_;
  RowConversions conversions_;
  std::vector<std::vector<std::uint32_t>> copies_;
};

}  // namespace

Checkpoint Checkpoint::open(const fs::path& folder, const ModelConfig& config) {
  Checkpoint checkpoint;
  checkpoint.files_ = open_files(folder);
  checkpoint.stored_ = family_of(config).stored_tensors(config);
  NameMap names = map_names(checkpoint.files_);
  for (const StoredTensor& stored : checkpoint.stored_) {
    const auto found = names.find(stored.name);
    if (found == names.end()) {
      throw Error(
          fmt::format("{}: tensor {} is missing", checkpoint.files_.front().path().string(), in_quotes(stored.name)),
          stored.role == decoder::TensorRole::kHead
              ? "config.json says that the head is not tied; set tie_word_embeddings: true if the model has no head"
              : "config.json requires it; fetch both files again");
    }
    BoundTensor bound{found->second};
    names.erase(found);
    take_mlx_parts(names, stored.name, bound);
    if (bound.is_quantized()) {
      read_mlx_matrix(mlx_tensors(checkpoint.files_, bound), stored);
    } else {
      const SafetensorsFile& file = checkpoint.files_[bound.weight.file];
      check_shape(file, *bound.weight.tensor, stored);
      dtype_code(file, *bound.weight.tensor);
    }
    checkpoint.tensors_.push_back(bound);
  }
  check_nothing_besides(checkpoint.files_, names, config);
  return checkpoint;
}

std::vector<fs::path> Checkpoint::paths() const {
  std::vector<fs::path> paths;
  for (const SafetensorsFile& file : files_) paths.push_back(file.path());
  return paths;
}

std::shared_ptr<const Weights::Storage> Checkpoint::storage(Checkpoint checkpoint, const ModelConfig& config) {
  return std::make_shared<MappedStorage>(std::move(checkpoint), config);
}

}  // namespace inferbench
