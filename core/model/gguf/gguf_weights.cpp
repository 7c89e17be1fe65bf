// SPDX-License-Identifier: Apache-2.0
#include "model/gguf/gguf_weights.hpp"

#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "model/gguf/gguf_config.hpp"
#include "model/row_conversions.hpp"
#include "model/weights_storage.hpp"

namespace inferbench {
namespace {

std::int32_t gguf_dtype(const GgufTensorType& type) {
  const std::string_view name = type.name;
  if (name == "F16") return IB_DTYPE_F16;
  return name == "BF16" ? IB_DTYPE_BF16 : IB_DTYPE_F32;
}

bool has_rows_to_reorder(const StoredTensor& stored, const ModelConfig& config) {
  const auto is = [&](std::string_view part) { return stored.name.find(part) != std::string::npos; };
  return has_interleaved_rotary(config) && (is(".attn_q.") || is(".attn_k."));
}

// The row of the file that becomes row `row`: see has_interleaved_rotary(). `head_dim` 0: the same.
std::int64_t source_row(std::int64_t row, std::int64_t head_dim) {
  if (head_dim == 0) return row;
  const std::int64_t in_head = row % head_dim;
  return row - in_head + in_head % (head_dim / 2) * 2 + in_head / (head_dim / 2);
}

class GgufStorage final : public Weights::Storage {
 public:
  GgufStorage(GgufFile file, const ModelConfig& config)
      : Storage(decoder::tensors(model_desc(config))), file_(std::move(file)), stored_(gguf_tensors(config)) {
    std::vector<std::optional<std::size_t>> converted;
    converted.reserve(stored_.size());
    for (const StoredTensor& stored : stored_) converted.push_back(plan(stored, config));
    conversions_.run();
    for (std::size_t i = 0; i < stored_.size(); ++i) {
      const GgufTensor& tensor = *file_.find_tensor(stored_[i].name);
      const std::byte* data = converted[i] ? conversions_.data(*converted[i]) : file_.bytes(tensor).data();
      add_views(stored_[i], gguf_dtype(*tensor.type), data);
    }
  }

 private:
  // The conversion of a tensor that can't be a view of the file.
  std::optional<std::size_t> plan(const StoredTensor& stored, const ModelConfig& config) {
    const GgufTensor& tensor = *file_.find_tensor(stored.name);
    const std::span<const std::byte> bytes = file_.bytes(tensor);
    const std::int64_t head_dim = has_rows_to_reorder(stored, config) ? config.head_dim : 0;
    const bool is_aligned = reinterpret_cast<std::uintptr_t>(bytes.data()) % sizeof(float) == 0;
    const auto dequantize = tensor.type->dequantize;
    if (head_dim == 0 && is_aligned && dequantize == nullptr) return std::nullopt;
    const std::size_t row_bytes = bytes.size() / static_cast<std::size_t>(stored.shape[0]);
    const auto inputs = static_cast<std::size_t>(stored.shape.size() == 2 ? stored.shape[1] : 1);
    return conversions_.add(stored.shape[0], dequantize == nullptr ? row_bytes : inputs * sizeof(float),
                            [bytes, row_bytes, head_dim, dequantize](std::int64_t row, std::byte* out) {
                              const auto from = static_cast<std::size_t>(source_row(row, head_dim)) * row_bytes;
                              const auto source = bytes.subspan(from, row_bytes);
                              if (dequantize == nullptr) {
                                std::memcpy(out, source.data(), source.size());
                              } else {
                                dequantize(source, reinterpret_cast<float*>(out));
                              }
                            });
  }

  GgufFile file_;
  std::vector<StoredTensor> stored_;
  RowConversions conversions_;
};

}  // namespace

std::shared_ptr<const Weights::Storage> gguf_storage(GgufFile file, const ModelConfig& config) {
  check_gguf_tensors(file, config);
  return std::make_shared<GgufStorage>(std::move(file), config);
}

}  // namespace inferbench
