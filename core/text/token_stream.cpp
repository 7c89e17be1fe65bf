// SPDX-License-Identifier: Apache-2.0
#include "text/token_stream.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "support/error.hpp"

namespace inferbench {

TokenStream::TokenStream(Tokenizer tokenizer, const std::filesystem::path& file, std::size_t piece_bytes)
    : tokenizer_(std::move(tokenizer)), file_(file), stream_(file, std::ios::binary), piece_bytes_(piece_bytes) {
  std::error_code problem;
  const bool is_folder = std::filesystem::is_directory(file, problem);
  if (is_folder || !stream_) throw Error(file.string() + " cannot be read", "name a readable text file");
  const std::uintmax_t size = std::filesystem::file_size(file, problem);  // of a pipe: a problem
  if (!problem) n_bytes_ = size;
}

void TokenStream::encode_more() {
  const std::size_t held = text_.size();
  text_.resize(held + piece_bytes_);
  stream_.read(text_.data() + held, static_cast<std::streamsize>(piece_bytes_));
  const auto n = static_cast<std::size_t>(stream_.gcount());
  if (stream_.bad()) throw Error(file_.string() + " cannot be read to its end");
  text_.resize(held + n);
  n_read_ += n;
  at_end_ = n < piece_bytes_;
  const std::size_t cut = at_end_ ? text_.size() : tokenizer_.last_cut(text_);
  if (cut == std::string_view::npos) return;
  ids_.erase(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(next_));
  next_ = 0;
  const std::string_view part = std::string_view(text_).substr(0, cut);
  const std::vector<std::int32_t> more = continues_ ? tokenizer_.encode_continued(part) : tokenizer_.encode(part);
  continues_ = true;
  ids_.insert(ids_.end(), more.begin(), more.end());
  n_ids_ += more.size();
  text_.erase(0, cut);
}

std::vector<std::int32_t> TokenStream::read(std::size_t n) {
  while (!at_end_ && ids_.size() - next_ < n) encode_more();
  const std::size_t count = std::min(n, ids_.size() - next_);
  const auto first = ids_.begin() + static_cast<std::ptrdiff_t>(next_);
  next_ += count;
  return {first, first + static_cast<std::ptrdiff_t>(count)};
}

double TokenStream::progress() const {
  if (n_bytes_ == 0 || n_ids_ == 0) return 0;
  const auto handed_out = static_cast<double>(n_ids_ - (ids_.size() - next_)) / static_cast<double>(n_ids_);
  return handed_out * static_cast<double>(n_read_ - text_.size()) / static_cast<double>(n_bytes_);
}

}  // namespace inferbench
