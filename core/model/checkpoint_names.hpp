// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace inferbench {

/// A tensor's name without the prefixes that the saving code put before it, in any order: "_orig_mod." (torch.compile),
/// "module." (data-parallel wrappers), "model.", "transformer." and "language_model." (the model inside a model with a
/// head, or with other inputs).
std::string_view checkpoint_name(std::string_view name);

}  // namespace inferbench
