// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "model/canonical_tensors.hpp"
#include "model/model.hpp"

namespace inferbench {

/// Owns the bytes behind a model's tensors. Each source of weights derives from it.
class Weights::Storage {
 public:
  virtual ~Storage() = default;
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  std::span<const ib_tensor> tensors() const { return tensors_; }

 protected:
  explicit Storage(std::vector<TensorSpec> specs) : specs_(std::move(specs)) { tensors_.reserve(specs_.size()); }

  std::span<const TensorSpec> specs() const { return specs_; }
  /// Adds the view of the next tensor of specs(). `data` is aligned to its element type and lives as long as *this.
  void add_tensor(std::int32_t dtype, const void* data, std::uint64_t n_bytes);

 private:
  std::vector<TensorSpec> specs_;  // the views borrow their names
  std::vector<ib_tensor> tensors_;
};

}  // namespace inferbench
