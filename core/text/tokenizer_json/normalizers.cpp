// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_json/normalizers.hpp"

#include <utility>

namespace inferbench::tokenizer_json {
namespace {

// It is there once for every text between added tokens.
constexpr std::size_t kMaxPrefixBytes = 64;

std::string read_prefix(const JsonPart& part) {
  std::string text = part.text();
  if (text.size() > kMaxPrefixBytes) part.fail("the text is too long");
  return text;
}

Normalizer read_normalizer(const JsonPart& part) {
  const std::string type = part.at("type").text();
  if (type == "NFC") return UnicodeForm::kNfc;
  if (type == "NFD") return UnicodeForm::kNfd;
  if (type == "NFKC") return UnicodeForm::kNfkc;
  if (type == "NFKD") return UnicodeForm::kNfkd;
  if (type == "Prepend") return PrependText{read_prefix(part.at("prepend"))};
  if (type == "Replace") return ReplaceText{Pattern::read(part.at("pattern")), part.at("content").text()};
  if (type == "Lowercase") return LowercaseText{};
  if (type == "Strip") return StripText{part.at("strip_left").flag(), part.at("strip_right").flag()};
  part.fail_unknown("normalizer", type);
}

class NormalizerStep {
 public:
  NormalizerStep(std::string text, bool continues, WorkLimit& limit)
      : text_(std::move(text)), continues_(continues), limit_(limit) {}

  std::string take() { return std::move(text_); }

  void operator()(UnicodeForm form) { text_ = to_form(text_, form); }
  void operator()(const PrependText& prepend) {
    if (!text_.empty() && !continues_) text_.insert(0, prepend.text);
  }
  void operator()(const ReplaceText& replace) { text_ = replace.pattern.replace(text_, replace.content, limit_); }
  void operator()(const LowercaseText&) { text_ = to_lowercase(text_); }
  void operator()(const StripText& strip) {
    if (strip.right) text_.resize(text_.size() - trailing_spaces(text_));
    if (strip.left) text_.erase(0, leading_spaces(text_));
  }

 private:
  std::string text_;
  bool continues_;
  WorkLimit& limit_;
};

}  // namespace

std::vector<Normalizer> read_normalizers(const JsonPart& part) {
  std::vector<Normalizer> normalizers;
  for (const JsonPart& member : flatten_sequences(part, "normalizers")) normalizers.push_back(read_normalizer(member));
  return normalizers;
}

std::string normalize(const std::vector<Normalizer>& normalizers, std::string text, bool continues, WorkLimit& limit) {
  NormalizerStep step(std::move(text), continues, limit);
  for (const Normalizer& normalizer : normalizers) std::visit(step, normalizer);
  return step.take();
}

}  // namespace inferbench::tokenizer_json
