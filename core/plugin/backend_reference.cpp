// SPDX-License-Identifier: Apache-2.0
#include "plugin/backend_reference.hpp"

#include <fmt/format.h>

#include "support/error.hpp"
#include "support/one_line.hpp"

namespace inferbench {

BackendReference parse_backend_reference(std::string_view text) {
  // Folders and files may have both signs in their names. A device's name has a ':', so it is cut off first.
  const std::size_t slash = text.rfind('/');
  const std::size_t name = slash == std::string_view::npos ? 0 : slash + 1;
  const std::size_t ending = text.find(".so", name);
  const std::size_t begin = ending == std::string_view::npos ? name : ending;
  const std::size_t at = text.find('@', begin);
  const std::string_view head = text.substr(0, at);
  const std::size_t colon = head.find(':', begin);
  BackendReference reference{std::string(head.substr(0, colon)), {}, {}};
  if (colon != std::string_view::npos) reference.precision = head.substr(colon + 1);
  if (at != std::string_view::npos) reference.device = text.substr(at + 1);
  const bool lacks_precision = colon != std::string_view::npos && reference.precision.empty();
  const bool lacks_device = at != std::string_view::npos && reference.device.empty();
  if (reference.plugin.empty() || lacks_precision || lacks_device) {
    throw Error(fmt::format("'{}' is not {}", one_line(text), kReferenceForm), "for example cpu_quant:int8");
  }
  return reference;
}

}  // namespace inferbench
