// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "inferbench/backend.h"
#include "reference/operators.hpp"

namespace inferbench::reference {

/// A decoder as backend.h defines it (see ib_model_desc), in float64 and plain loops. A backend's logits are compared
/// with its results. Independent of every backend.
class Decoder {
 public:
  /// Copies everything that `desc` points to. The tensors may have any dtype and strides; they must be complete.
  explicit Decoder(const ib_model_desc& desc);
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// Logits [tokens.size(), vocab_size] of a sequence that starts with `tokens`.
  Values logits(std::span<const std::int32_t> tokens) const;

 private:
  const Values& weight(const std::string& name) const { return tensors_.at(name); }
  Values embed(std::span<const std::int32_t> tokens) const;

  ib_model_desc desc_;
  std::vector<ib_layer_desc> layers_;
  std::vector<double> frequencies_;
  std::vector<double> scales_;
  std::map<std::string, Values> tensors_;
};

}  // namespace inferbench::reference
