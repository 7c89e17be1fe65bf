// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "conformance/harness.hpp"

namespace inferbench::conformance {

/// A fixture's weights, copied so that tests can change them.
class AlteredWeights {
 public:
  explicit AlteredWeights(const std::string& fixture);

  /// Row `to` of a matrix becomes row `from`.
  void copy_row(const std::string& name, std::int32_t from, std::int32_t to);
  /// Every tensor's bytes become `value`.
  void overwrite(std::byte value);

  /// Borrow from *this.
  std::vector<ib_tensor>& tensors() { return tensors_; }
  ib_tensor& tensor(const std::string& name);
  /// May be changed; its tensors are tensors().
  ib_model_desc& desc();

 private:
  Weights original_;
  std::map<std::string, std::vector<std::byte>> data_;
  std::vector<ib_tensor> tensors_;
  ib_model_desc desc_{};
};

/// model_create through the raw table, on a context of its own; what fails is kept, not thrown.
class RawModel {
 public:
  explicit RawModel(const ib_model_desc& desc, const char* precision = nullptr, const ib_host* host = nullptr);
  ~RawModel();
  RawModel(const RawModel&) = delete;
  RawModel& operator=(const RawModel&) = delete;

  ib_status status() const { return status_; }
  const ib_error& error() const { return error_; }
  ib_model* get() const { return model_; }

  std::vector<float> last_logits(std::span<const std::int32_t> ids) const;
  std::int32_t greedy(std::span<const std::int32_t> ids) const;

 private:
  void forward(std::span<const std::int32_t> ids, ib_forward_params params) const;

  std::int32_t vocab_ = 0;
  std::int32_t max_tokens_ = 0;
  ib_host silent_{};  // lives as long as the context
  ib_context* context_ = nullptr;
  ib_model* model_ = nullptr;
  ib_status status_ = IB_INTERNAL;
  ib_error error_{};
};

}  // namespace inferbench::conformance
