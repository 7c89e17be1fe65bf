// SPDX-License-Identifier: Apache-2.0
#include "precision.hpp"

#include <string>
#include <string_view>

#include "inferbench/backend_failure.hpp"
#include "quantized_linear.hpp"

namespace inferbench::torch_backend {

Precision precision_named(const char* name, c10::Device device) {
  const std::string_view wanted = name;
  if (wanted == "fp32") return {};
  const bool narrow = wanted == "bf16" || wanted == "fp16";
  if (narrow && !device.is_cpu()) return {wanted == "bf16" ? c10::kBFloat16 : c10::kHalf, false};
  if (narrow) {
    throw Failure(IB_UNSUPPORTED, "precision '" + std::string(wanted) + "' is computed only on a GPU (device: cuda:0)");
  }
  if (wanted != "int8") throw Failure(IB_UNSUPPORTED, "unknown precision '" + std::string(wanted) + "'");
  if (!device.is_cpu()) throw Failure(IB_UNSUPPORTED, "precision 'int8' is computed only on the CPU");
  if (!has_int8()) throw Failure(IB_UNSUPPORTED, "this libtorch has no int8 engine on oneDNN");
  return {c10::kFloat, true};
}

}  // namespace inferbench::torch_backend
