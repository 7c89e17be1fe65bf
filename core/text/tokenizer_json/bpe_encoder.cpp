// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_json/bpe_encoder.hpp"

namespace inferbench::tokenizer_json {
namespace {

constexpr std::size_t kMaxSeen = std::size_t{1} << 16U;
constexpr std::size_t kMaxSeenBytes = 64;

}  // namespace

void BpeEncoder::encode(std::string_view piece) {
  if (piece.size() <= kMaxSeenBytes) {
    encode_short(piece);
    return;
  }
  if (model_.ignore_merges()) {
    const std::int32_t id = model_.id_of(piece);
    if (id == BpeModel::kNone) {
      merge(piece);
    } else {
      ids_.push_back(id);
    }
    return;
  }
  // Pipelines that don't split at spaces have pieces as long as the text. Most are made of short parts that merges
  // don't cross, and those parts come again and again.
  while (!piece.empty()) {
    const std::string_view part = piece.substr(0, model_.first_part(piece));
    piece.remove_prefix(part.size());
    if (part.size() <= kMaxSeenBytes) {
      encode_short(part);
    } else {
      merge(part);
    }
  }
}

void BpeEncoder::encode_short(std::string_view piece) {
  const auto found = seen_.find(piece);
  if (found != seen_.end()) {
    const Seen seen = found->second;
    for (std::size_t i = seen.begin; i < seen.end; ++i) ids_.push_back(ids_[i]);
    return;
  }
  const std::size_t begin = ids_.size();
  const std::int32_t whole = model_.ignore_merges() ? model_.id_of(piece) : BpeModel::kNone;
  if (whole != BpeModel::kNone) {
    ids_.push_back(whole);
  } else {
    merge(piece);
  }
  if (seen_.size() < kMaxSeen) seen_.emplace(piece, Seen{begin, ids_.size()});
}

void BpeEncoder::merge(std::string_view piece) {
  symbols_.clear();
  model_.append_symbols(piece, symbols_);
  merger_.merge(symbols_, ids_);
}

}  // namespace inferbench::tokenizer_json
