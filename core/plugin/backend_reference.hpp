// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace inferbench {

/// A backend as people write it: BACKEND[:PRECISION][@DEVICE], such as cpu_quant:int8, cuda@cuda:1,
/// torch:bf16@cuda:0 or ./libmine.so:fp32.
struct BackendReference {
  std::string plugin;     ///< a name, or a path if it has a '/'
  std::string precision;  ///< empty: the backend's first
  std::string device;     ///< empty: the backend's first
};

/// The form of a reference, for help and messages.
inline constexpr const char* kReferenceForm = "BACKEND[:PRECISION][@DEVICE]";

/// Throws Error if a part is empty although its ':' or '@' is there.
BackendReference parse_backend_reference(std::string_view text);

}  // namespace inferbench
