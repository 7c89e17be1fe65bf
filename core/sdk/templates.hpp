// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace inferbench {

/// A file of core/sdk/templates, compiled into the program.
struct TemplateFile {
  std::string_view path;  ///< such as "c/src/backend.c"
  std::string_view text;  ///< contains @NAME@ in place of the backend's name
};

std::span<const TemplateFile> template_files();

}  // namespace inferbench
