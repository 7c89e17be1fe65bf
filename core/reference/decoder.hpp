// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "inferbench/backend.h"
#include "reference/operators.hpp"

namespace inferbench::reference {

/// The factor that a layer's attention scores are multiplied by.
double attention_scale(const ib_model_desc& desc, std::int32_t layer);

/// GPT-2 as backend.h defines it (see ib_model_desc), in float64 and plain loops. A backend's logits are compared with
/// its results. Independent of every backend.
class Decoder {
 public:
  /// Copies the tensors, which may have any dtype of the header. They must be complete.
  explicit Decoder(const ib_model_desc& desc);

  /// Logits [tokens.size(), vocab] of a sequence that starts with `tokens`.
  Values logits(std::span<const std::int32_t> tokens) const;

 private:
  const Values& weight(const std::string& name) const { return tensors_.at(name); }

  ib_model_desc shape_;
  std::size_t width_;
  std::map<std::string, Values> tensors_;
};

}  // namespace inferbench::reference
