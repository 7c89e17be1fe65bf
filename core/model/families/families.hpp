// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "model/families/family.hpp"

namespace inferbench {

// One definition each, in the file of the family.
extern const Family kGpt2Family;
extern const Family kLlamaFamily;
extern const Family kMistralFamily;
extern const Family kQwen2Family;
extern const Family kQwen3Family;
extern const Family kGemma2Family;
extern const Family kGemma3Family;

std::span<const Family* const> families();

/// The family with this model_type; null if there is none.
const Family* find_family(std::string_view model_type);

/// The family of a config that one of the families has read.
const Family& family_of(const ModelConfig& config);

/// "gpt2, llama": the model types of all families.
std::string known_model_types();

}  // namespace inferbench
