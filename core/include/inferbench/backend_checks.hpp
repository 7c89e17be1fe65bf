// SPDX-License-Identifier: Apache-2.0
//
// What a backend must check of its arguments, once for all backends. Part of backend.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "inferbench/backend.h"
#include "inferbench/backend_failure.hpp"
#include "inferbench/decoder.hpp"

namespace inferbench {

// ---- weights ----

/// Throws Failure(IB_INVALID_ARGUMENT) unless a description's sizes and tables make sense. Tensors are not looked at:
/// see TensorMap.
inline void check_model_desc(const ib_model_desc& desc) {
  require(IB_HAS(ib_model_desc, &desc, n_tensors), "ib_model_desc is shorter than that of ABI 1.0");
  require(desc.n_layers >= 1 && desc.n_heads >= 1 && desc.n_kv_heads >= 1 && desc.head_dim >= 1 &&
              desc.hidden_size >= 1 && desc.intermediate_size >= 1 && desc.max_positions >= 1,
          "layers, heads, head_dim, hidden_size, intermediate_size and max_positions must be at least 1");
  require(desc.n_heads % desc.n_kv_heads == 0, "n_heads is not a multiple of n_kv_heads");
  require(desc.norm_epsilon > 0, "norm_epsilon is not above 0");
  require(desc.layers != nullptr, "layers is null");
  require(desc.n_rotary_tables == 0 || (desc.rotary_frequencies != nullptr && desc.rotary_scales != nullptr),
          "the rotary tables are null");
  for (std::int32_t i = 0; i < desc.n_layers; ++i) {
    const ib_layer_desc& layer = desc.layers[i];
    require(layer.window >= 0, "a window is negative");
    require(layer.rotary_table >= -1 && layer.rotary_table < desc.n_rotary_tables, "a layer has no such rotary table");
    require(layer.rotary_table < 0 || desc.head_dim % 2 == 0, "heads of an odd size cannot be rotated");
  }
}

/// Throws Failure(IB_UNSUPPORTED) for a norm or an activation that may come from a later ABI.
inline void check_codes(const ib_model_desc& desc) {
  if (desc.norm != IB_NORM_LAYER && desc.norm != IB_NORM_RMS) {
    throw Failure(IB_UNSUPPORTED, "unknown norm " + std::to_string(desc.norm));
  }
  if (decoder::activation_feature(desc.activation) == 0) {
    throw Failure(IB_UNSUPPORTED, "unknown activation " + std::to_string(desc.activation));
  }
}

/// Throws Failure unless the parameters of model_create are whole: IB_INVALID_ARGUMENT, or IB_UNSUPPORTED where the
/// model needs a feature that is not in `features` (IB_FEATURE_*), which the host has checked before.
inline void check_model_params(const ib_model_params& params, std::uint64_t features = ~std::uint64_t{0}) {
  require(IB_HAS(ib_model_params, &params, folder), "ib_model_params is shorter than that of ABI 1.0");
  require(params.precision != nullptr, "precision is null");
  require(params.options != nullptr || params.n_options == 0, "options is null");
  require(params.desc != nullptr, "desc is null");
  const ib_model_desc& desc = *params.desc;
  check_model_desc(desc);
  require(desc.vocab_size >= 1, "vocab_size must be at least 1");
  require(desc.tensors != nullptr && desc.n_tensors > 0, "there are no tensors");
  const std::uint64_t missing = decoder::required_features(desc) & ~features;
  for (const decoder::FeatureName& known : decoder::kFeatureNames) {
    if ((missing & known.feature) == 0) continue;
    throw Failure(IB_UNSUPPORTED, "no " + std::string(known.noun) + ", which the model needs");
  }
}

/// Bytes of one element; throws Failure(IB_UNSUPPORTED) for an unknown dtype.
inline std::uint64_t dtype_bytes(std::int32_t dtype) {
  if (dtype == IB_DTYPE_F32) return 4;
  if (dtype == IB_DTYPE_F16 || dtype == IB_DTYPE_BF16) return 2;
  throw Failure(IB_UNSUPPORTED, "unknown dtype " + std::to_string(dtype));
}

/// The tensors of a model, or of an operator, by name. Borrows from the array.
class TensorMap {
 public:
  explicit TensorMap(const ib_model_desc& desc) : TensorMap(desc.tensors, desc.n_tensors) {}
  TensorMap(const ib_tensor* tensors, std::uint64_t n_tensors) {
    for (std::uint64_t i = 0; i < n_tensors; ++i) {
      require(tensors[i].name != nullptr && tensors[i].data != nullptr, "a tensor has no name or no data");
      require(tensors_.emplace(tensors[i].name, &tensors[i]).second, "two tensors have the same name");
    }
  }

  /// Throws Failure: IB_INVALID_ARGUMENT where it is missing or not of `shape`, IB_UNSUPPORTED for an unknown dtype.
  const ib_tensor& get(const std::string& name, std::initializer_list<std::int64_t> shape) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) throw Failure(IB_INVALID_ARGUMENT, "tensor '" + name + "' is missing");
    const ib_tensor& tensor = *found->second;
    bool fits = tensor.rank == static_cast<std::int32_t>(shape.size()) && shape.size() <= IB_MAX_RANK &&
                std::equal(shape.begin(), shape.end(), tensor.shape);
    std::uint64_t last = 0;  // element
    for (std::size_t i = 0; fits && i < shape.size(); ++i) {
      fits = tensor.strides[i] >= 1;
      last += static_cast<std::uint64_t>(tensor.shape[i] - 1) * static_cast<std::uint64_t>(tensor.strides[i]);
    }
    if (!fits || tensor.n_bytes != (last + 1) * dtype_bytes(tensor.dtype)) {
      throw Failure(IB_INVALID_ARGUMENT, "tensor '" + name + "' has another shape than the model's sizes ask for");
    }
    return tensor;
  }

 private:
  std::unordered_map<std::string_view, const ib_tensor*> tensors_;
};

// ---- sessions ----

/// What bounds a session's forward calls.
struct SessionLimits {
  std::int32_t n_slots = 0;
  std::int32_t max_tokens = 0;          ///< positions per slot
  std::int64_t max_forward_tokens = 0;  ///< of one call, all sequences together
  std::int32_t vocab_size = 0;
};

/// The limits that session_create's parameters set, for a model of these sizes. Throws Failure(IB_INVALID_ARGUMENT).
inline SessionLimits checked_session_limits(const ib_session_params& params, std::int32_t max_positions,
                                            std::int32_t vocab_size) {
  require(IB_HAS(ib_session_params, &params, max_forward_tokens), "ib_session_params is shorter than that of ABI 1.0");
  require(params.n_slots >= 1, "n_slots must be at least 1");
  if (params.max_tokens < 1 || params.max_tokens > max_positions) {
    throw Failure(IB_INVALID_ARGUMENT, "max_tokens is " + std::to_string(params.max_tokens) +
                                           ", but must be 1 to the model's " + std::to_string(max_positions) +
                                           " positions");
  }
  require(params.max_forward_tokens >= 0, "max_forward_tokens is negative");
  const std::int64_t all = static_cast<std::int64_t>(params.n_slots) * params.max_tokens;
  return {params.n_slots, params.max_tokens, params.max_forward_tokens == 0 ? all : params.max_forward_tokens,
          vocab_size};
}

namespace detail {

inline void check_sequence(const ib_sequence& sequence, const SessionLimits& limits,
                           std::span<const std::int32_t> held) {
  if (sequence.slot < 0 || sequence.slot >= limits.n_slots) {
    throw Failure(IB_INVALID_ARGUMENT,
                  "slot " + std::to_string(sequence.slot) + " is not 0 to " + std::to_string(limits.n_slots - 1));
  }
  require(sequence.n_tokens >= 1 && sequence.tokens != nullptr, "a sequence has no tokens");
  const std::int64_t past = held[static_cast<std::size_t>(sequence.slot)];
  if (past + sequence.n_tokens > limits.max_tokens) {
    throw Failure(IB_INVALID_ARGUMENT, "slot " + std::to_string(sequence.slot) + " holds " + std::to_string(past) +
                                           " tokens; " + std::to_string(sequence.n_tokens) +
                                           " more exceed max_tokens " + std::to_string(limits.max_tokens));
  }
  for (std::int32_t i = 0; i < sequence.n_tokens; ++i) {
    if (sequence.tokens[i] >= 0 && sequence.tokens[i] < limits.vocab_size) continue;
    throw Failure(IB_INVALID_ARGUMENT, "token " + std::to_string(sequence.tokens[i]) +
                                           " is outside the vocabulary of " + std::to_string(limits.vocab_size));
  }
}

inline void check_slots_differ(std::span<const ib_sequence> sequences, std::int32_t n_slots) {
  // Quadratic without memory for the usual few; marks for many.
  if (sequences.size() <= 32) {
    for (std::size_t i = 1; i < sequences.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) require(sequences[i].slot != sequences[j].slot, "a slot comes twice");
    }
    return;
  }
  std::vector<bool> seen(static_cast<std::size_t>(n_slots), false);
  for (const ib_sequence& sequence : sequences) {
    require(!seen[static_cast<std::size_t>(sequence.slot)], "a slot comes twice");
    seen[static_cast<std::size_t>(sequence.slot)] = true;
  }
}

/// How much of the caller's buffers a sequence's output takes.
struct OutputSize {
  std::uint64_t rows = 0;  ///< of logits
  std::uint64_t ids = 0;
};

inline OutputSize output_size(const ib_sequence& sequence) {
  switch (sequence.output) {
    case IB_OUTPUT_NONE:
      return {};
    case IB_OUTPUT_LAST_LOGITS:
      return {1, 0};
    case IB_OUTPUT_ALL_LOGITS:
      return {static_cast<std::uint64_t>(sequence.n_tokens), 0};
    case IB_OUTPUT_GREEDY:
      return {0, 1};
    default:
      throw Failure(IB_UNSUPPORTED, "unknown output " + std::to_string(sequence.output));
  }
}

inline void check_output(const ib_forward_params& params, std::int32_t vocab_size) {
  OutputSize all;
  for (std::int32_t i = 0; i < params.n_sequences; ++i) {
    const OutputSize size = output_size(params.sequences[i]);
    all.rows += size.rows;
    all.ids += size.ids;
  }
  require(all.ids == 0 || (params.ids != nullptr && params.ids_capacity >= all.ids), "the buffer for ids is too small");
  require(all.rows == 0 ||
              (params.logits != nullptr && params.logits_capacity >= all.rows * static_cast<std::uint64_t>(vocab_size)),
          "the buffer for logits is too small");
}

}  // namespace detail

/// All that the header lets a caller of forward get wrong, checked before anything changes: struct size, slots in range
/// and different, lengths, capacity, vocabulary, output and its buffer. `held[slot]`: tokens that each slot holds now.
/// Returns the number of new tokens, all sequences together. Throws Failure; allocates nothing where all is well and
/// there are at most 32 sequences.
inline std::int64_t check_forward(const ib_forward_params& params, const SessionLimits& limits,
                                  std::span<const std::int32_t> held) {
  require(IB_HAS(ib_forward_params, &params, ids_capacity), "ib_forward_params is shorter than that of ABI 1.0");
  require(params.sequences != nullptr && params.n_sequences >= 1, "there are no sequences");
  const std::span sequences(params.sequences, static_cast<std::size_t>(params.n_sequences));
  std::int64_t n_tokens = 0;
  for (const ib_sequence& sequence : sequences) {
    detail::check_sequence(sequence, limits, held);
    n_tokens += sequence.n_tokens;
  }
  detail::check_slots_differ(sequences, limits.n_slots);
  if (n_tokens > limits.max_forward_tokens) {
    throw Failure(IB_INVALID_ARGUMENT, std::to_string(n_tokens) + " tokens in one call exceed max_forward_tokens " +
                                           std::to_string(limits.max_forward_tokens));
  }
  detail::check_output(params, limits.vocab_size);
  return n_tokens;
}

/// What session_truncate's caller can get wrong. Throws Failure(IB_INVALID_ARGUMENT).
inline void check_truncate(std::int32_t slot, std::int32_t n_past, std::span<const std::int32_t> held) {
  if (slot < 0 || static_cast<std::size_t>(slot) >= held.size()) throw Failure(IB_INVALID_ARGUMENT, "no such slot");
  require(n_past >= 0 && n_past <= held[static_cast<std::size_t>(slot)], "n_past is beyond what the slot holds");
}

/// How many tokens each slot of a session holds: what forward and session_truncate are checked against, and change.
class SlotLengths {
 public:
  explicit SlotLengths(const SessionLimits& limits)
      : limits_(limits), held_(static_cast<std::size_t>(limits.n_slots), 0) {}

  const SessionLimits& limits() const { return limits_; }
  std::span<const std::int32_t> held() const { return held_; }  ///< [n_slots]
  std::int32_t operator[](std::int32_t slot) const { return held_[static_cast<std::size_t>(slot)]; }

  /// check_forward: throws Failure, returns the number of new tokens.
  std::int64_t check(const ib_forward_params& params) const { return check_forward(params, limits_, held_); }

  /// Each sequence of the call holds its new tokens. To be called once all of the call's work is done: a call that
  /// fails or is cancelled then leaves every slot with what it held.
  void advance(const ib_forward_params& params) {
    for (std::int32_t i = 0; i < params.n_sequences; ++i) {
      held_[static_cast<std::size_t>(params.sequences[i].slot)] += params.sequences[i].n_tokens;
    }
  }

  /// As the ABI's session_truncate says. Throws Failure(IB_INVALID_ARGUMENT).
  void truncate(std::int32_t slot, std::int32_t n_past) {
    check_truncate(slot, n_past, held_);
    held_[static_cast<std::size_t>(slot)] = n_past;
  }

 private:
  SessionLimits limits_;
  std::vector<std::int32_t> held_;
};

}  // namespace inferbench
