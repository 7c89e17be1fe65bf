// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/model.hpp"

namespace inferbench::cpu_quant {

/// Plans a model's buffer, allocates it, and fills it straight from the tensors as they are stored: one phase whose
/// items are a few tiles of a matrix each.
class ModelBuilder final : public PhasedWork {
 public:
  /// Throws Failure where a tensor is missing or not of its shape.
  ModelBuilder(Model& model, TensorMap tensors, WeightFormat format);

  void build();
  /// One layer with what the operator needs, and copies of it. Returns the bytes of one.
  std::uint64_t build_operator(const ib_op_desc& op);

  std::uint32_t n_phases() const noexcept override { return 1; }
  std::uint32_t n_items(std::uint32_t phase) const noexcept override;
  void run_item(std::uint32_t phase, std::uint32_t item, int thread) noexcept override;
  void poll(std::uint32_t phase) noexcept override;

 private:
  /// A vector as floats, in runs of `run` values that begin `step` floats apart.
  struct Copy {
    const ib_tensor* tensor;
    std::uint64_t offset;
    std::int64_t run;
    std::int64_t step;
  };
  /// A pointer to what lies at the offset.
  struct Target {
    const float** pointer;
    std::uint64_t offset;
  };
  struct Pack {
    WeightMatrix matrix;
    Linear* target;
    std::uint64_t offset;
    std::uint64_t bias = 0;  // offset of the bias, where there is one
  };
  struct Item {
    std::uint32_t pack;
    std::int32_t tile;
  };
  /// A linear layer by its name, or one that is packed together with others.
  struct Part {
    std::string name;
    std::int64_t outputs;
  };

  // What the buffer holds.
  void plan();
  void plan_layer(Layer& layer, std::int32_t index);
  void plan_mlp(Layer& layer, const std::string& prefix);
  void plan_operator(std::int32_t op, Layer& layer);
  std::uint64_t reserve(std::int64_t n, const float*& target);
  void vector(const std::string& name, std::int64_t n, const float*& target);
  void norm(const std::string& name, NormArgs& target);
  void linear(const std::vector<Part>& parts, std::int64_t inputs, bool bias, bool interleaved, WeightFormat format,
              Linear& target);
  void matrix(const std::string& name, WeightFormat format, Linear& target);
  Pack& pack(WeightMatrix matrix, WeightFormat format, Linear& target);

  // Filling it.
  void fill(std::uint64_t bytes);
  void write(const Copy& copy);
  void unshift(const Pack& pack, std::int32_t begin, std::int32_t end, const float* sums);
  void report(std::size_t step);
  void throw_if_cancelled() const;

  Model& model_;
  TensorMap tensors_;
  const ib_model_desc& shape_;
  WeightFormat format_;
  BufferPlan plan_;
  std::vector<Copy> copies_;
  std::vector<Target> targets_;
  std::vector<Pack> packs_;
  std::vector<Item> items_;
  std::atomic<std::size_t> done_{0};
  std::atomic<bool> cancelled_{false};
  std::size_t reported_ = 0;
};

}  // namespace inferbench::cpu_quant
