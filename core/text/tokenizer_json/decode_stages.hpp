// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "text/tokenizer_json/decoders.hpp"

namespace inferbench::tokenizer_json {

/// `decoder` outlives the stage.
std::unique_ptr<DecodeStage> make_stage(const Decoder& decoder, std::unique_ptr<DecodeStage> next);
/// A space between tokens, which is what a file without decoder gets.
std::unique_ptr<DecodeStage> make_stage_between_tokens(std::unique_ptr<DecodeStage> next);
/// Writes.
std::unique_ptr<DecodeStage> make_last_stage();

}  // namespace inferbench::tokenizer_json
