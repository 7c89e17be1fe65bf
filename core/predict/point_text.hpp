// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

namespace inferbench {

/// What --point says: key -> values.
using PointQuery = std::map<std::string, std::vector<std::string>>;

/// "contender=cpu_quant:int8,prompt_tokens=[32,128]" -> two keys, the second with two values. Keys: contender, model,
/// layers, width, prompt_tokens, generate_tokens, batch, threads, past_tokens. Throws Error for another key, a key
/// given twice, an empty value, or a count that is none.
PointQuery parse_point(const std::string& text);

}  // namespace inferbench
