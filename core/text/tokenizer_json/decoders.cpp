// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_json/decoders.hpp"

#include <fmt/format.h>

#include <utility>

#include "text/tokenizer_json/decode_stages.hpp"
#include "text/tokenizer_json/pre_tokenizers.hpp"

namespace inferbench::tokenizer_json {
namespace {

constexpr std::int64_t kMaxStripped = 1000;

std::size_t read_strip_count(const JsonPart& part) {
  const std::int64_t count = part.integer();
  if (count < 0 || count > kMaxStripped) part.fail(fmt::format("{} is out of range", count));
  return static_cast<std::size_t>(count);
}

Decoder read_decoder(const JsonPart& part) {
  const std::string type = part.at("type").text();
  if (type == "ByteLevel") return DecodeByteLevel{};
  if (type == "Replace") return DecodeReplace{Pattern::read(part.at("pattern")), part.at("content").text()};
  if (type == "ByteFallback") return DecodeByteFallback{};
  if (type == "Fuse") return DecodeFuse{};
  if (type == "Strip") {
    return DecodeStrip{read_character(part.at("content")), read_strip_count(part.at("start")),
                       read_strip_count(part.at("stop"))};
  }
  if (type == "Metaspace") {
    return DecodeMetaspace{read_character(part.at("replacement")), read_prepend_scheme(part) != PrependScheme::kNever};
  }
  part.fail_unknown("decoder", type);
}

}  // namespace

std::vector<Decoder> read_decoders(const JsonPart& part) {
  std::vector<Decoder> decoders;
  for (const JsonPart& member : flatten_sequences(part, "decoders")) decoders.push_back(read_decoder(member));
  return decoders;
}

std::unique_ptr<DecodeStage> make_decode_stages(const std::optional<std::vector<Decoder>>& decoders) {
  std::unique_ptr<DecodeStage> stages = make_last_stage();
  if (!decoders) return make_stage_between_tokens(std::move(stages));
  for (std::size_t i = decoders->size(); i-- > 0;) stages = make_stage((*decoders)[i], std::move(stages));
  return stages;
}

}  // namespace inferbench::tokenizer_json
