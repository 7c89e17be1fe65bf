// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "inferbench/decoder.hpp"
#include "model/model.hpp"

namespace inferbench {

struct StoredTensor;

/// Owns the bytes behind a model's tensors. Each source of weights derives from it.
class Weights::Storage {
 public:
  virtual ~Storage() = default;
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  std::span<const ib_tensor> tensors() const { return tensors_; }

 protected:
  /// `specs`: decoder::tensors() of the model. Each of them is added once.
  explicit Storage(std::vector<decoder::TensorSpec> specs);

  std::span<const decoder::TensorSpec> specs() const { return specs_; }
  /// Adds the next tensor of specs(), row-major without gaps. `data` is aligned to its element type and lives as long
  /// as *this.
  void add_tensor(std::int32_t dtype, const void* data);
  /// Adds all views of a stored tensor that begins at `data`.
  void add_views(const StoredTensor& stored, std::int32_t dtype, const void* data);

 private:
  std::vector<decoder::TensorSpec> specs_;  // the views borrow their names
  std::unordered_map<std::string_view, std::size_t> index_of_;
  std::vector<ib_tensor> tensors_;  // as specs_
  std::size_t n_added_ = 0;
};

}  // namespace inferbench
