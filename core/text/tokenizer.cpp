// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer.hpp"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "support/error.hpp"
#include "text/gguf_tokenizer.hpp"
#include "text/gpt2_tokenizer.hpp"
#include "text/tokenizer_form.hpp"
#include "text/tokenizer_json/json_tokenizer.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;

void check_size(std::string_view bytes) {
  if (bytes.size() <= std::numeric_limits<std::int32_t>::max()) return;
  throw Error(fmt::format("a text of {} bytes is too large to tokenize at once", bytes.size()),
              "cut it into parts below 2 GiB");
}

void check_gpt2_files(const fs::path& folder) {
  std::error_code error;
  std::string missing;
  for (const char* name : {"vocab.json", "merges.txt"}) {
    if (!fs::exists(folder / name, error)) missing += (missing.empty() ? "" : " and ") + std::string(name);
  }
  if (missing.empty()) return;
  throw Error(fmt::format("{}: no tokenizer there: missing {}, or tokenizer.json", folder.string(), missing),
              "put the model's tokenizer.json, or vocab.json and merges.txt, into this folder");
}

}  // namespace

Tokenizer::Tokenizer(std::shared_ptr<const TokenizerForm> form) : form_(std::move(form)) {}

Tokenizer Tokenizer::load(const fs::path& place, std::int32_t vocab) {
  std::error_code error;
  if (fs::is_regular_file(place, error)) return Tokenizer(read_gguf_tokenizer(GgufFile::open(place), vocab));
  if (!fs::is_directory(place, error)) {
    throw Error(fmt::format("{}: no such folder", place.string()),
                "give a folder with tokenizer.json, or with vocab.json and merges.txt");
  }
  if (fs::exists(place / "tokenizer.json", error)) {
    return Tokenizer(tokenizer_json::load_json_tokenizer(place / "tokenizer.json", vocab));
  }
  check_gpt2_files(place);
  return Tokenizer(load_gpt2_tokenizer(place / "vocab.json", place / "merges.txt"));
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view bytes) const {
  check_size(bytes);
  return form_->encode(bytes, false);
}

std::vector<std::int32_t> Tokenizer::encode_continued(std::string_view bytes) const {
  check_size(bytes);
  return form_->encode(bytes, true);
}

std::size_t Tokenizer::last_cut(std::string_view text) const {
  return form_->last_cut(text);
}

std::vector<std::int32_t> Tokenizer::add_special(std::vector<std::int32_t> ids) const {
  return form_->add_special(std::move(ids));
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids) const {
  const std::unique_ptr<TokenDecoder> decoder = form_->decoder();
  std::string bytes;
  bytes.reserve(ids.size() * 4);
  for (const std::int32_t id : ids) {
    if (!form_->has(id)) {
      throw Error(fmt::format("token id {} is outside the vocabulary (0 to {})", id, size() - 1),
                  "decode with the model that the ids came from");
    }
    decoder->push(id, bytes);
  }
  decoder->finish(bytes);
  return bytes;
}

std::unique_ptr<TokenDecoder> Tokenizer::decoder() const {
  return form_->decoder();
}

std::int32_t Tokenizer::size() const {
  return form_->size();
}

bool Tokenizer::has(std::int32_t id) const {
  return form_->has(id);
}

std::optional<std::int32_t> Tokenizer::find_token(std::string_view text) const {
  return form_->find_token(text);
}

}  // namespace inferbench
