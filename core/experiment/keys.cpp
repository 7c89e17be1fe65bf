// SPDX-License-Identifier: Apache-2.0
#include "experiment/keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "experiment/key_rows.hpp"

namespace inferbench {

std::string_view Key::name() const {
  const std::string_view all = path;
  const std::size_t dot = all.rfind('.');
  return dot == std::string_view::npos ? all : all.substr(dot + 1);
}

std::string_view Key::parent() const {
  const std::string_view all = path;
  const std::size_t dot = all.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : all.substr(0, dot);
}

const Key& KeyTable::at(std::string_view path) const {
  const auto found = std::find_if(rows_.begin(), rows_.end(), [&](const Key& key) { return key.path == path; });
  if (found == rows_.end()) throw std::logic_error(fmt::format("no key {} in the table of keys", path));
  return *found;
}

std::vector<const Key*> KeyTable::below(std::string_view path) const {
  std::vector<const Key*> children;
  for (const Key& key : rows_) {
    if (key.parent() == path) children.push_back(&key);
  }
  return children;
}

std::vector<std::string> KeyTable::names_below(std::string_view path) const {
  std::vector<std::string> names;
  for (const Key* key : below(path)) {
    if (!key->is_any_name()) names.emplace_back(key->name());
  }
  return names;
}

const Key* KeyTable::find(std::string_view path, std::string_view name) const {
  const Key* any = nullptr;
  for (const Key* key : below(path)) {
    if (!key->is_any_name() && key->name() == name) return key;
    if (key->is_any_name() && name.starts_with(key->any_name_prefix())) any = key;
  }
  return any;
}

std::vector<Key> join_rows(const std::vector<std::vector<Key>>& parts) {
  std::vector<Key> rows;
  for (const std::vector<Key>& part : parts) rows.insert(rows.end(), part.begin(), part.end());
  return rows;
}

std::string key_path(std::string_view path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

}  // namespace inferbench
