// SPDX-License-Identifier: Apache-2.0
#include "plugin/plugin.hpp"

#include <algorithm>

#include "plugin/library.hpp"
#include "plugin/probe.hpp"
#include "plugin/table_check.hpp"
#include "support/error.hpp"

namespace inferbench {

struct Plugin::Impl {
  std::filesystem::path path;
  ib_backend table{};
};

Plugin::Plugin(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Plugin Plugin::load(const std::filesystem::path& given) {
  if (given.empty()) throw Error("the path of a backend is empty", "give the path of a shared library");
  const std::filesystem::path path = std::filesystem::absolute(given).lexically_normal();
  check_library_file(path);
  const auto load_and_check = [&path] { return checked_table(open_library(path), path.string()); };
  // The child reads the whole table too: a wild pointer in it crashes only the child.
  if (!is_library_loaded(path)) probe_in_child([&] { load_and_check(); }, path.string());
  return Plugin(std::make_shared<const Impl>(Impl{path, load_and_check()}));
}

const std::filesystem::path& Plugin::path() const {
  return impl_->path;
}
std::string_view Plugin::name() const {
  return impl_->table.name;
}
std::string_view Plugin::version() const {
  return impl_->table.version;
}
std::string_view Plugin::build() const {
  return impl_->table.build;
}
std::string_view Plugin::license() const {
  return impl_->table.license;
}
std::string_view Plugin::doc() const {
  return impl_->table.doc;
}
const ib_backend& Plugin::table() const {
  return impl_->table;
}

std::span<const ib_precision_info> Plugin::precisions() const {
  return {impl_->table.precisions, impl_->table.n_precisions};
}

std::span<const ib_option_info> Plugin::options() const {
  return {impl_->table.options, impl_->table.n_options};
}

bool Plugin::has_precision(std::string_view precision) const {
  const auto offered = precisions();
  return std::any_of(offered.begin(), offered.end(), [&](const auto& info) { return info.name == precision; });
}

const void* Plugin::extension(std::string_view name) const {
  if (impl_->table.extension == nullptr) return nullptr;
  return impl_->table.extension(std::string(name).c_str());
}

}  // namespace inferbench
