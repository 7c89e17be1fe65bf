// SPDX-License-Identifier: Apache-2.0
#include "plugin/plugin.hpp"

#include <string>
#include <utility>

#include "plugin/library.hpp"
#include "plugin/table_check.hpp"
#include "support/error.hpp"

namespace inferbench {

struct Plugin::Impl {
  PluginDescription description;
  ib_backend table{};
};

Plugin::Plugin(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Plugin Plugin::load(const std::filesystem::path& given) {
  if (given.empty()) throw Error("the path of a backend is empty", "give the path of a shared library");
  const std::filesystem::path path = std::filesystem::absolute(given).lexically_normal();
  check_library_file(path);
  const ib_backend table = checked_table(open_library(path), path.string());
  return Plugin(std::make_shared<const Impl>(Impl{describe_table(table, path), table}));
}

const PluginDescription& Plugin::description() const {
  return impl_->description;
}
const ib_backend& Plugin::table() const {
  return impl_->table;
}

const void* Plugin::extension(std::string_view name) const {
  if (impl_->table.extension == nullptr) return nullptr;
  return impl_->table.extension(std::string(name).c_str());
}

}  // namespace inferbench
