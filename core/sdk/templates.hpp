// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace inferbench {

/// A file of core/sdk/templates, compiled in.
struct TemplateFile {
  std::string_view path;  ///< such as "c/src/backend.c"
  std::string_view text;  ///< with @NAME@ where the backend's name goes
};

std::span<const TemplateFile> template_files();

}  // namespace inferbench
