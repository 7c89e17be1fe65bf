// SPDX-License-Identifier: Apache-2.0
//
// Help for backends in C++20 that offer single operators (op_bench.h); header-only, none of it crosses the C ABI.
//
//   struct Operator { Operator(Context&, const ib_op_desc&);   const ib_op_info& info() const;
//                     void run(std::int32_t copy);             void output(float* result); };
//   inferbench::make_table<Context, Model, Session>({..., .extension = inferbench::op_bench_extension<Context,
//   Operator>})
//
// The adapter checks what it passes on: see check_op_desc; `copy` and the room for the result too. Constructors and
// methods throw Failure (or anything else).
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "inferbench/backend_checks.hpp"
#include "inferbench/backend_failure.hpp"
#include "inferbench/decoder.hpp"
#include "inferbench/op_bench.h"

namespace inferbench {

inline bool is_op_bench(const char* name) {
  return name != nullptr && std::strcmp(name, IB_EXT_OP_BENCH_V1) == 0;
}

/// Columns of the operator's input x, and of its result.
inline std::int64_t op_input_columns(const ib_op_desc& op) {
  const ib_model_desc& desc = *op.desc;
  switch (op.op) {
    case IB_OP_ATTENTION:
      return decoder::query_size(desc) + 2 * decoder::kv_size(desc);
    case IB_OP_ROTARY:
      return decoder::query_size(desc) + decoder::kv_size(desc);
    case IB_OP_ACTIVATION:
      return (desc.gated != 0 ? std::int64_t{2} : 1) * desc.intermediate_size;
    default:
      return desc.hidden_size;
  }
}
inline std::int64_t op_output_columns(const ib_op_desc& op) {
  const ib_model_desc& desc = *op.desc;
  switch (op.op) {
    case IB_OP_ATTENTION:
      return decoder::query_size(desc);
    case IB_OP_ROTARY:
      return decoder::query_size(desc) + decoder::kv_size(desc);
    case IB_OP_LINEAR:
    case IB_OP_ACTIVATION:
      return desc.intermediate_size;
    default:
      return desc.hidden_size;
  }
}

/// Whether the operator has positions, and `past` means something.
inline bool op_has_positions(std::int32_t op) {
  return op == IB_OP_ATTENTION || op == IB_OP_LAYER || op == IB_OP_ROTARY;
}

/// Throws Failure(IB_UNSUPPORTED) for more rows than a forward pass of the backend takes at once.
inline void check_op_rows(const ib_op_desc& op, std::int32_t max_rows) {
  if (op.rows <= max_rows) return;
  throw Failure(IB_UNSUPPORTED, "a forward pass takes at most " + std::to_string(max_rows) + " rows at once");
}

/// Keys and values that attention over the past and the new rows reads: positions before the window of the first row
/// are not among them.
inline std::int64_t op_kv_values(const ib_op_desc& op) {
  const std::int32_t window = op.desc->layers[0].window;
  const std::int32_t first_seen = window > 0 && op.past + 1 > window ? op.past + 1 - window : 0;
  return 2 * (std::int64_t{op.past} + op.rows - first_seen) * decoder::kv_size(*op.desc);
}

/// The tensors that the operator's description must have.
inline std::vector<decoder::TensorSpec> op_tensors(const ib_op_desc& op) {
  const auto is_used = [&op](std::string_view name) {
    switch (op.op) {
      case IB_OP_NORM:
        return name.starts_with("layer.0.attn_norm.");
      case IB_OP_LINEAR:
        return name.starts_with("layer.0.mlp_up.");
      case IB_OP_ATTENTION:
        return name.starts_with("layer.0.attn_q_norm.") || name.starts_with("layer.0.attn_k_norm.");
      case IB_OP_MLP:
        return name.starts_with("layer.0.mlp_up.") || name.starts_with("layer.0.mlp_gate.") ||
               name.starts_with("layer.0.mlp_down.");
      case IB_OP_LAYER:
        return true;
      default:
        return false;
    }
  };
  std::vector<decoder::TensorSpec> list = decoder::layer_tensors(*op.desc, 0);
  std::erase_if(list, [&](const decoder::TensorSpec& spec) { return !is_used(spec.name); });
  return list;
}

/// Throws Failure unless the description is whole and its sizes make sense: IB_UNSUPPORTED for an operator or an
/// activation that this header does not know, else IB_INVALID_ARGUMENT. Weights are not looked at: see TensorMap.
inline void check_op_desc(const ib_op_desc& op) {
  require(IB_HAS(ib_op_desc, &op, past_kv), "ib_op_desc is shorter than that of inferbench.op_bench.v1");
  if (op.op < IB_OP_NORM || op.op > IB_OP_ROTARY) {
    throw Failure(IB_UNSUPPORTED, "unknown operator " + std::to_string(op.op));
  }
  require(op.rows >= 1 && op.n_copies >= 1, "rows and n_copies must be at least 1");
  require(op.precision != nullptr && op.input != nullptr && op.desc != nullptr, "precision, input or desc is null");
  require(op.options != nullptr || op.n_options == 0, "options is null");
  const ib_model_desc& desc = *op.desc;
  check_model_desc(desc);
  require(desc.n_layers == 1, "an operator's description has one layer");
  require(op.past >= 0, "past is negative");
  require(op.past == 0 || op.op == IB_OP_ROTARY || !op_has_positions(op.op) || op.past_kv != nullptr,
          "past_kv is null");
  require(op.op != IB_OP_ROTARY || desc.layers[0].rotary_table >= 0, "the layer has no rotary table");
  const bool activates = op.op == IB_OP_ACTIVATION || op.op == IB_OP_MLP || op.op == IB_OP_LAYER;
  if (activates && decoder::activation_feature(desc.activation) == 0) {
    throw Failure(IB_UNSUPPORTED, "unknown activation " + std::to_string(desc.activation));
  }
  require(desc.tensors != nullptr || desc.n_tensors == 0, "tensors is null");
}

namespace detail {

/// An operator with what a call of the extension is checked against.
template <typename Operator>
struct PreparedOp {
  template <typename Context>
  PreparedOp(Context& context, const ib_op_desc& desc)
      : op(context, desc),
        n_copies(desc.n_copies),
        n_results(static_cast<std::uint64_t>(desc.rows) * static_cast<std::uint64_t>(op_output_columns(desc))) {}

  Operator op;
  std::int32_t n_copies;
  std::uint64_t n_results;
  bool has_run = false;
};

}  // namespace detail

/// The extension's table over a Context, as BackendFunctions makes it, and an Operator (see the top of this file).
template <typename Context, typename Operator>
constexpr ib_op_bench_ext op_bench_table() {
  using Prepared = detail::PreparedOp<Operator>;
  ib_op_bench_ext table{};
  table.struct_size = sizeof(ib_op_bench_ext);
  table.prepare = [](ib_context* context, const ib_op_desc* desc, ib_op** op, ib_error* error) noexcept {
    return guard(error, [&] {
      require(context != nullptr && desc != nullptr && op != nullptr, "null argument");
      check_op_desc(*desc);
      *op = reinterpret_cast<ib_op*>(new Prepared(*reinterpret_cast<Context*>(context), *desc));
    });
  };
  table.info = [](const ib_op* op) noexcept { return &reinterpret_cast<const Prepared*>(op)->op.info(); };
  table.run = [](ib_op* op, std::int32_t copy, ib_error* error) noexcept {
    return guard(error, [&] {
      require(op != nullptr, "null argument");
      auto& prepared = *reinterpret_cast<Prepared*>(op);
      require(copy >= 0 && copy < prepared.n_copies, "no such copy");
      prepared.op.run(copy);
      prepared.has_run = true;
    });
  };
  table.output = [](ib_op* op, float* result, std::uint64_t capacity, ib_error* error) noexcept {
    return guard(error, [&] {
      require(op != nullptr && result != nullptr, "null argument");
      auto& prepared = *reinterpret_cast<Prepared*>(op);
      require(prepared.has_run, "nothing was run");
      require(capacity >= prepared.n_results, "the buffer for the result is too small");
      prepared.op.output(result);
    });
  };
  table.destroy = [](ib_op* op) noexcept { delete reinterpret_cast<Prepared*>(op); };
  return table;
}

/// ib_backend.extension of a backend whose only extension this is: the table by its name, else null.
template <typename Context, typename Operator>
const void* op_bench_extension(const char* name) noexcept {
  static constexpr ib_op_bench_ext kTable = op_bench_table<Context, Operator>();
  return is_op_bench(name) ? &kTable : nullptr;
}

}  // namespace inferbench
