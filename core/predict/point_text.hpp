// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

namespace inferbench {

/// The value of --point: key -> values.
using PointQuery = std::map<std::string, std::vector<std::string>>;

/// "contender=cpu_quant:int8,prompt_tokens=[32,128]" gives two keys, the second with two values. Keys: contender,
/// model, layers, width, prompt_tokens, generate_tokens, batch, threads, past_tokens. Throws Error for another key, a
/// repeated key, an empty value, or an invalid count.
PointQuery parse_point(const std::string& text);

}  // namespace inferbench
