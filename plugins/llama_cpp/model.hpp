// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <llama.h>

#include <cstdint>
#include <memory>
#include <string>

#include "context.hpp"
#include "inferbench/backend.hpp"

namespace inferbench::llama_cpp {

/// What this backend computes, in the combinations of llama.cpp's graphs.
// NOLINTNEXTLINE(misc-redundant-expression): families share features
constexpr std::uint64_t kFeatures =
    (IB_FEATURES_GPT2 | IB_FEATURES_LLAMA | IB_FEATURES_GEMMA) & ~(IB_FEATURE_GELU_ERF | IB_FEATURE_RELU);

/// The precision that takes a model's GGUF file as it is.
inline constexpr const char* kOfTheFile = "gguf";

/// Options of a session, which the model's options give.
struct SessionOptions {
  llama_flash_attn_type flash_attention = LLAMA_FLASH_ATTN_TYPE_AUTO;
  ggml_type kv = GGML_TYPE_F16;
  std::uint32_t batch = 0;
  std::uint32_t ubatch = 0;
};

struct FreeLlamaModel {
  void operator()(llama_model* model) const { llama_model_free(model); }
};

/// A decoder's weights in llama.cpp. Immutable once created. Throws Failure, std::bad_alloc.
class Model {
 public:
  Model(Context& context, const ib_model_params& params);
  const ib_model_info& info() const { return info_; }

  Context& context;
  ib_model_desc desc;              ///< numbers and flags
  std::int32_t window_layers = 0;  ///< those whose sliding window is shorter than the longest sequence
  SessionOptions options;
  llama_model* get() const { return model_.get(); }

 private:
  void load(const std::string& path, const ib_model_params& params);
  void check_same_model() const;

  std::unique_ptr<llama_model, FreeLlamaModel> model_;
  std::string kernels_;
  ib_model_info info_{};
};

}  // namespace inferbench::llama_cpp
