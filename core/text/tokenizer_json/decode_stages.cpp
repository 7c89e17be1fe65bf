// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_json/decode_stages.hpp"

#include <charconv>
#include <utility>

namespace inferbench::tokenizer_json {
namespace {

class LastStage : public DecodeStage {
 public:
  LastStage() : DecodeStage(nullptr) {}
  void push(std::string_view text, bool, bool, std::string& out) override { out += text; }
  void finish(std::string&) override {}
};

/// For decoders that need a token as a whole. Whatever comes in parts waits for its end.
class WholeTokenStage : public DecodeStage {
 public:
  using DecodeStage::DecodeStage;

  void push(std::string_view text, bool begins, bool ends, std::string& out) final {
    if (begins) flush(out);
    if (begins && ends) {
      decode(text, out);
      return;
    }
    held_ = std::move(held_).value_or("").append(text);
    if (ends) flush(out);
  }
  void finish(std::string& out) final {
    flush(out);
    DecodeStage::finish(out);
  }

 private:
  virtual void decode(std::string_view token, std::string& out) = 0;
  void flush(std::string& out) {
    if (const auto token = std::exchange(held_, std::nullopt)) decode(*token, out);
  }

  std::optional<std::string> held_;
};

class SpaceStage : public DecodeStage {
 public:
  using DecodeStage::DecodeStage;
  void push(std::string_view text, bool begins, bool ends, std::string& out) override {
    if (begins && !std::exchange(is_first_, false)) next().push(" ", true, true, out);
    next().push(text, begins, ends, out);
  }

 private:
  bool is_first_ = true;
};

class FuseStage : public DecodeStage {
 public:
  using DecodeStage::DecodeStage;
  void push(std::string_view text, bool, bool, std::string& out) override {
    next().push(text, std::exchange(is_first_, false), false, out);
  }

 private:
  bool is_first_ = true;
};

class ByteLevelStage : public WholeTokenStage {
 public:
  ByteLevelStage(const DecodeByteLevel& decoder, std::unique_ptr<DecodeStage> next)
      : WholeTokenStage(std::move(next)), decoder_(decoder) {}

 private:
  void decode(std::string_view token, std::string& out) override {
    const auto bytes = decoder_.alphabet.to_bytes(token);
    next().push(bytes ? *bytes : token, std::exchange(is_first_, false), false, out);
  }

  const DecodeByteLevel& decoder_;
  bool is_first_ = true;
};

class ReplaceStage : public WholeTokenStage {
 public:
  ReplaceStage(const DecodeReplace& decoder, std::unique_ptr<DecodeStage> next)
      : WholeTokenStage(std::move(next)), decoder_(decoder) {}

 private:
  void decode(std::string_view token, std::string& out) override {
    // Byte tokens may be put together wrongly; patterns are for text.
    if (!simdjson::validate_utf8(token.data(), token.size())) {
      next().push(token, true, true, out);
      return;
    }
    WorkLimit limit(token.size());
    next().push(decoder_.pattern.replace(token, decoder_.content, limit), true, true, out);
  }

  const DecodeReplace& decoder_;
};

class ByteFallbackStage : public WholeTokenStage {
 public:
  using WholeTokenStage::WholeTokenStage;

 private:
  void decode(std::string_view token, std::string& out) override {
    if (const auto byte = byte_of(token)) {
      const char text = static_cast<char>(*byte);
      next().push(std::string_view(&text, 1), !std::exchange(is_in_run_, true), false, out);
      return;
    }
    is_in_run_ = false;
    next().push(token, true, true, out);
  }

  static std::optional<std::uint8_t> byte_of(std::string_view token) {
    if (token.size() != 6 || !token.starts_with("<0x") || !token.ends_with('>')) return std::nullopt;
    std::uint8_t byte = 0;
    const char* const end = token.data() + 5;
    const auto [at, error] = std::from_chars(token.data() + 3, end, byte, 16);
    if (error != std::errc() || at != end) return std::nullopt;
    return byte;
  }

  bool is_in_run_ = false;
};

class StripStage : public DecodeStage {
 public:
  StripStage(const DecodeStrip& decoder, std::unique_ptr<DecodeStage> next)
      : DecodeStage(std::move(next)), decoder_(decoder) {}

  void push(std::string_view text, bool begins, bool ends, std::string& out) override {
    if (begins) {
      n_left_ = decoder_.start;
      held_.clear();  // of the token before, which has ended
    }
    while (n_left_ > 0 && !text.empty()) {
      if (text.starts_with(decoder_.content)) {
        text.remove_prefix(decoder_.content.size());
        --n_left_;
      } else {
        n_left_ = 0;
      }
    }
    // What may be the end of the token waits.
    std::string all = std::exchange(held_, {}).append(text);
    std::size_t keep = all.size();
    for (std::size_t i = 0; i < decoder_.stop; ++i) {
      if (!std::string_view(all).substr(0, keep).ends_with(decoder_.content)) break;
      keep -= decoder_.content.size();
    }
    held_ = all.substr(keep);
    all.resize(keep);
    if (ends) held_.clear();
    next().push(all, begins, ends, out);
  }

 private:
  const DecodeStrip& decoder_;
  std::size_t n_left_ = 0;
  std::string held_;
};

class MetaspaceStage : public DecodeStage {
 public:
  MetaspaceStage(const DecodeMetaspace& decoder, std::unique_ptr<DecodeStage> next)
      : DecodeStage(std::move(next)), decoder_(decoder) {}

  void push(std::string_view text, bool begins, bool ends, std::string& out) override {
    if (begins) ++n_begun_;
    std::string spaced;
    const std::string& mark = decoder_.replacement;
    for (std::size_t at = text.find(mark); at != std::string_view::npos; at = text.find(mark)) {
      spaced += text.substr(0, at);
      if (n_begun_ > 1 || !decoder_.drops_first) spaced += ' ';
      text.remove_prefix(at + mark.size());
    }
    spaced += text;
    next().push(spaced, begins, ends, out);
  }

 private:
  const DecodeMetaspace& decoder_;
  std::size_t n_begun_ = 0;
};

struct StageMaker {
  std::unique_ptr<DecodeStage> next;

  std::unique_ptr<DecodeStage> operator()(const DecodeByteLevel& decoder) {
    return std::make_unique<ByteLevelStage>(decoder, std::move(next));
  }
  std::unique_ptr<DecodeStage> operator()(const DecodeReplace& decoder) {
    return std::make_unique<ReplaceStage>(decoder, std::move(next));
  }
  std::unique_ptr<DecodeStage> operator()(const DecodeByteFallback&) {
    return std::make_unique<ByteFallbackStage>(std::move(next));
  }
  std::unique_ptr<DecodeStage> operator()(const DecodeFuse&) { return std::make_unique<FuseStage>(std::move(next)); }
  std::unique_ptr<DecodeStage> operator()(const DecodeStrip& decoder) {
    return std::make_unique<StripStage>(decoder, std::move(next));
  }
  std::unique_ptr<DecodeStage> operator()(const DecodeMetaspace& decoder) {
    return std::make_unique<MetaspaceStage>(decoder, std::move(next));
  }
};

}  // namespace

std::unique_ptr<DecodeStage> make_stage(const Decoder& decoder, std::unique_ptr<DecodeStage> next) {
  StageMaker maker{std::move(next)};
  return std::visit(maker, decoder);
}

std::unique_ptr<DecodeStage> make_stage_between_tokens(std::unique_ptr<DecodeStage> next) {
  return std::make_unique<SpaceStage>(std::move(next));
}

std::unique_ptr<DecodeStage> make_last_stage() {
  return std::make_unique<LastStage>();
}

}  // namespace inferbench::tokenizer_json
