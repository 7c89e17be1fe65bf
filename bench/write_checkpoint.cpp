// SPDX-License-Identifier: Apache-2.0
//
// write_checkpoint MODEL FOLDER [F32|BF16]: saves a synthetic model, such as synthetic:llama-3.2-1b, as a Hugging Face
// folder, so that loading from files can be measured.
#include <algorithm>
#include <bit>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/families/families.hpp"
#include "model/model.hpp"
#include "model/safetensors_writer.hpp"
#include "model/synthetic_model.hpp"
#include "support/error.hpp"

namespace inferbench::bench {
namespace {

std::string_view config_json(std::string_view shape_name) {
  for (const Family* family : families()) {
    for (const SyntheticShape& shape : family->shapes) {
      if (shape.name == shape_name) return shape.config_json;
    }
  }
  throw Error("no shape '" + std::string(shape_name) + "'", "give a synthetic model");
}

/// To nearest, ties to even.
std::uint16_t bf16_of(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + (bits >> 16U & 1U)) >> 16U);
}

/// Writes the values of stored tensors, whose views the model's tensors are.
class TensorWriter {
 public:
  TensorWriter(SafetensorsWriter& writer, const Weights& weights, bool bf16) : writer_(writer), bf16_(bf16) {
    for (const ib_tensor& tensor : weights.tensors()) tensors_.emplace(tensor.name, &tensor);
  }

  void write(const StoredTensor& stored) {
    constexpr std::int64_t kChunk = std::int64_t{1} << 20U;
    const TensorView& view = stored.views.front();
    const float* values = static_cast<const float*>(tensors_.at(view.name)->data) - view.offset;
    for (std::int64_t begin = 0; begin < stored.n_elements(); begin += kChunk) {
      const std::int64_t end = std::min(begin + kChunk, stored.n_elements());
      chunk_.assign(values + begin, values + end);
      if (stored.add_one) {
        for (float& value : chunk_) value -= 1;
      }
      write_chunk();
    }
  }

 private:
  void write_chunk() {
    if (!bf16_) return writer_.write(std::span<const float>(chunk_));
    halves_.resize(chunk_.size());
    std::transform(chunk_.begin(), chunk_.end(), halves_.begin(), bf16_of);
    writer_.write_bytes(std::as_bytes(std::span(halves_)));
  }

  SafetensorsWriter& writer_;
  bool bf16_;
  std::unordered_map<std::string_view, const ib_tensor*> tensors_;
  std::vector<float> chunk_;
  std::vector<std::uint16_t> halves_;
};

void write_checkpoint(const std::string& reference, const std::filesystem::path& folder, const std::string& dtype) {
  if (!is_synthetic(reference))
    throw Error(reference + " is not a synthetic model", "give one, such as synthetic:gpt2");
  if (dtype != "F32" && dtype != "BF16") throw Error("unknown type " + dtype, "use F32 or BF16");
  const SyntheticReference synthetic = parse_synthetic(reference);
  const Weights weights = Model::open(reference).weights();
  const std::vector<StoredTensor> all = family_of(synthetic.config).stored_tensors(synthetic.config);
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "config.json") << config_json(synthetic.shape) << '\n';
  std::vector<SafetensorsWriter::Tensor> announced;
  for (const StoredTensor& stored : all) {
    announced.push_back({stored.name, dtype, {stored.shape.begin(), stored.shape.end()}});
  }
  SafetensorsWriter writer(folder / "model.safetensors", announced);
  TensorWriter tensors(writer, weights, dtype == "BF16");
  for (const StoredTensor& stored : all) tensors.write(stored);
  writer.finish();
}

}  // namespace
}  // namespace inferbench::bench

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::fprintf(stderr, "usage: write_checkpoint MODEL FOLDER [F32|BF16]\n");
    return 2;
  }
  try {
    inferbench::bench::write_checkpoint(argv[1], argv[2], argc == 4 ? argv[3] : "F32");
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "write_checkpoint: %s\n", error.what());
    return 2;
  }
}
