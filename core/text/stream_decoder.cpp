// SPDX-License-Identifier: Apache-2.0
#include "text/stream_decoder.hpp"

#include <utility>

namespace inferbench {

StreamDecoder::StreamDecoder(Tokenizer tokenizer, std::span<const std::int32_t> before)
    : tokenizer_(std::move(tokenizer)), decoder_(tokenizer_.decoder()) {
  std::string shown_already;
  for (const std::int32_t id : before) {
    if (tokenizer_.has(id)) decoder_->push(id, shown_already);
  }
}

std::string StreamDecoder::push(std::int32_t id) {
  std::string bytes;
  if (tokenizer_.has(id)) {
    decoder_->push(id, bytes);
  } else {
    bytes = "\uFFFD";
  }
  return characters_.push(bytes);
}

std::string StreamDecoder::flush() {
  std::string bytes;
  decoder_->finish(bytes);
  return characters_.push(bytes) + characters_.flush();
}

}  // namespace inferbench
