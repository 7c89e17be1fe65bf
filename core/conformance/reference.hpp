// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "inferbench/backend.h"

namespace inferbench::conformance {

/// GPT-2 as backend.h defines it (see ib_model_desc), in float64, one plain loop after the other: what a backend's
/// logits are compared with. Independent of every backend.
class Reference {
 public:
  /// Copies the tensors, of any dtype of the header. They must be whole.
  explicit Reference(const ib_model_desc& desc);

  /// Logits [tokens.size(), vocab] of a sequence that starts with `tokens`.
  std::vector<double> logits(std::span<const std::int32_t> tokens) const;

 private:
  using Vector = std::vector<double>;

  const Vector& weight(const std::string& name) const { return tensors_.at(name); }
  Vector layer_norm(const Vector& x, const std::string& name) const;
  Vector linear(const Vector& x, const std::string& name, std::size_t outputs) const;
  Vector attend(const Vector& qkv, std::size_t layer) const;
  void activate(Vector& x) const;

  ib_model_desc shape_;
  std::size_t width_;
  std::map<std::string, Vector> tensors_;
};

}  // namespace inferbench::conformance
