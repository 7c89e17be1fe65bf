// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_json/json_tokenizer.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "support/utf8.hpp"
#include "text/tokenizer_file.hpp"
#include "text/tokenizer_json/bpe_encoder.hpp"
#include "text/tokenizer_json/components.hpp"

namespace inferbench::tokenizer_json {
namespace {

class JsonTokenDecoder : public TokenDecoder {
 public:
  explicit JsonTokenDecoder(const Components& components)
      : texts_(components.texts), stages_(make_decode_stages(components.decoders)) {}
  void push(std::int32_t id, std::string& bytes) override {
    stages_->push(texts_[static_cast<std::size_t>(id)], true, true, bytes);
  }
  void finish(std::string& bytes) override { stages_->finish(bytes); }

 private:
  const std::vector<std::string>& texts_;
  std::unique_ptr<DecodeStage> stages_;
};

AddedTokenFinder find_in_text(const Components& components) {
  std::vector<AddedToken> tokens;
  for (const AddedToken& token : components.added_tokens) {
    if (!token.normalized && !token.content.empty()) tokens.push_back(token);
  }
  return AddedTokenFinder(std::move(tokens));
}

/// These tokens are then spelled as the normalized text spells them.
AddedTokenFinder find_in_normalized_text(Components& components) {
  std::vector<AddedToken> tokens;
  std::size_t n_bytes = 0;
  for (const AddedToken& token : components.added_tokens) n_bytes += token.content.size();
  WorkLimit limit(n_bytes);
  for (const AddedToken& token : components.added_tokens) {
    if (!token.normalized) continue;
    tokens.push_back(token);
    tokens.back().content = normalize(components.normalizers, token.content, false, limit);
    components.texts[static_cast<std::size_t>(token.id)] = tokens.back().content;
    if (tokens.back().content.empty()) tokens.pop_back();
  }
  return AddedTokenFinder(std::move(tokens));
}

class JsonTokenizer : public TokenizerForm {
 public:
  explicit JsonTokenizer(Components components)
      : components_(std::move(components)),
        in_text_(find_in_text(components_)),
        in_normalized_(find_in_normalized_text(components_)) {
    for (const PreTokenizer& pre_tokenizer : components_.pre_tokenizers) {
      if (const auto* cut = std::get_if<ByteLevelCut>(&pre_tokenizer)) byte_level_ = cut;
    }
  }

  std::vector<std::int32_t> encode(std::string_view bytes, bool continues) const override {
    Job job(components_.model, bytes.size());
    if (simdjson::validate_utf8(bytes.data(), bytes.size())) {
      encode_text(bytes, continues, job);
      return std::move(job.ids);
    }
    while (!bytes.empty()) {
      std::size_t n_valid = 0;
      while (const std::size_t length = utf8_length(bytes.substr(n_valid))) n_valid += length;
      encode_text(bytes.substr(0, n_valid), continues, job);
      bytes.remove_prefix(n_valid);
      std::size_t n_broken = 0;
      while (n_broken < bytes.size() && utf8_length(bytes.substr(n_broken)) == 0) ++n_broken;
      encode_broken(bytes.substr(0, n_broken), job);
      bytes.remove_prefix(n_broken);
      continues = true;
    }
    return std::move(job.ids);
  }

  std::vector<std::int32_t> add_special(std::vector<std::int32_t> ids) const override {
    const Surrounding& around = components_.surrounding;
    ids.insert(ids.begin(), around.before.begin(), around.before.end());
    ids.insert(ids.end(), around.after.begin(), around.after.end());
    return ids;
  }

  std::unique_ptr<TokenDecoder> decoder() const override { return std::make_unique<JsonTokenDecoder>(components_); }
  std::int32_t size() const override { return static_cast<std::int32_t>(components_.texts.size()); }
  bool has(std::int32_t id) const override {
    return id >= 0 && id < size() && components_.exists[static_cast<std::size_t>(id)];
  }

  std::optional<std::int32_t> find_token(std::string_view text) const override {
    const std::int32_t id = components_.model.id_of(text);
    if (id != BpeModel::kNone) return id;
    for (const AddedToken& token : components_.added_tokens) {
      if (token.content == text) return token.id;
    }
    return std::nullopt;
  }

  std::size_t last_cut(std::string_view) const override { return std::string_view::npos; }

 private:
  /// One call of encode.
  struct Job {
    Job(const BpeModel& model, std::size_t n_bytes) : encoder(model, ids), limit(n_bytes) { ids.reserve(n_bytes / 3); }
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;

    std::vector<std::int32_t> ids;
    BpeEncoder encoder;
    WorkLimit limit;
  };

  void encode_text(std::string_view text, bool continues, Job& job) const {
    const auto add_id = [&](std::int32_t id) { job.ids.push_back(id); };
    in_text_.split(
        text,
        [&](std::string_view part) {
          const bool is_first = part.data() == text.data();
          const std::string normalized =
              normalize(components_.normalizers, std::string(part), is_first && continues, job.limit);
          in_normalized_.split(
              normalized,
              [&](std::string_view rest) {
                const bool at_start = is_first && !continues && rest.data() == normalized.data();
                encode_pieces(Pieces(std::string(rest), at_start), job);
              },
              add_id);
        },
        add_id);
  }

  void encode_pieces(Pieces pieces, Job& job) const {
    pre_tokenize(components_.pre_tokenizers, pieces, job.limit);
    if (pieces.text.size() > std::numeric_limits<std::int32_t>::max()) {
      throw Error("the text is too large after normalizing", "cut it into parts");
    }
    for (const Pieces::Range range : pieces.ranges) job.encoder.encode(pieces.view(range));
  }

  /// Bytes that are not UTF-8, and so neither normalized nor cut.
  void encode_broken(std::string_view bytes, Job& job) const {
    const BpeModel& model = components_.model;
    std::string spelled;
    for (const char byte : bytes) {
      const std::int32_t token = model.byte_token(static_cast<std::uint8_t>(byte));
      if (byte_level_ != nullptr) {
        spelled += byte_level_->alphabet.spelling(static_cast<std::uint8_t>(byte));
      } else if (model.byte_fallback() && token != BpeModel::kNone) {
        job.ids.push_back(token);
      } else {
        spelled += "\uFFFD";
      }
    }
    job.encoder.encode(spelled);
  }

  Components components_;
  AddedTokenFinder in_text_;
  AddedTokenFinder in_normalized_;
  const ByteLevelCut* byte_level_ = nullptr;
};

}  // namespace

std::shared_ptr<const TokenizerForm> load_json_tokenizer(const std::filesystem::path& file, std::int32_t vocab) {
  return parse_json_tokenizer(read_tokenizer_file(file, kTakeAgain), file.string(), vocab);
}

std::shared_ptr<const TokenizerForm> parse_json_tokenizer(const std::string& text, const std::string& name,
                                                          std::int32_t vocab,
                                                          std::span<const std::int32_t> merge_ranks) {
  return std::make_shared<JsonTokenizer>(read_components(text, name, vocab, merge_ranks));
}

}  // namespace inferbench::tokenizer_json
