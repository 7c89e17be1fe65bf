// SPDX-License-Identifier: Apache-2.0
#include "model/gguf/gguf_file.hpp"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "model/gguf/gguf_cursor.hpp"
#include "support/error.hpp"

namespace inferbench {

bool is_gguf_file(const std::filesystem::path& path) {
  if (path.extension() == ".gguf") return true;
  const InputFile file(path);
  std::string begin(kGgufMagic.size(), '\0');
  if (file.size() < begin.size()) return false;
  file.read(std::as_writable_bytes(std::span(begin)), 0);
  return begin == kGgufMagic;
}

GgufFile GgufFile::open(const std::filesystem::path& path) {
  GgufFile file;
  file.path_ = path;
  file.mapping_ = Mapping(InputFile(path));
  file.bytes_ = file.mapping_.bytes();
  file.parse();
  return file;
}

GgufFile GgufFile::borrow(std::span<const std::byte> bytes, const std::string& name) {
  GgufFile file;
  file.path_ = name;
  file.bytes_ = bytes;
  file.parse();
  return file;
}

void GgufFile::parse() {
  header_ = parse_gguf_header(bytes_, path_.string());
  for (std::size_t i = 0; i < header_.tensors.size(); ++i) index_of_.emplace(header_.tensors[i].name, i);
}

const GgufTensor* GgufFile::find_tensor(std::string_view name) const {
  const auto found = index_of_.find(name);
  return found == index_of_.end() ? nullptr : &header_.tensors[found->second];
}

std::span<const std::byte> GgufFile::bytes(const GgufTensor& tensor) const {
  return bytes_.subspan(static_cast<std::size_t>(tensor.begin), static_cast<std::size_t>(tensor.n_bytes));
}

const GgufValue* GgufFile::find(std::string_view key) const {
  const auto found = header_.metadata.find(key);
  return found == header_.metadata.end() ? nullptr : &found->second;
}

std::optional<std::int64_t> GgufFile::integer(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto integer = value->integer();
  if (!integer)
    fail(key, value->type == GgufType::kArray ? "an array where an integer was expected" : "is not an integer");
  return integer;
}

std::optional<double> GgufFile::number(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto number = value->number();
  if (!number || !std::isfinite(*number)) fail(key, "is not a finite number");
  return number;
}

std::optional<bool> GgufFile::boolean(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto flag = value->boolean();
  if (!flag) fail(key, "is not true or false");
  return flag;
}

std::optional<std::string> GgufFile::text(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto text = value->text();
  if (!text) fail(key, "is not a string");
  return std::string(*text);
}

void GgufFile::fail(std::string_view key, const std::string& what, std::string hint) const {
  throw Error(fmt::format("{}: {}: {}", path_.string(), key, what), hint.empty() ? kFetchGgufAgain : std::move(hint));
}

void GgufFile::fail_missing(std::string_view key) const {
  fail(key, "is missing", "convert the model again with llama.cpp's convert_hf_to_gguf.py");
}

}  // namespace inferbench
