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

#include "inferbench/backend_checks.hpp"
#include "inferbench/backend_failure.hpp"
#include "inferbench/op_bench.h"

namespace inferbench {

inline bool is_op_bench(const char* name) {
  return name != nullptr && std::strcmp(name, IB_EXT_OP_BENCH_V1) == 0;
}

/// Columns of the operator's input x, and of its result.
inline std::int64_t op_input_columns(const ib_op_desc& desc) {
  return (desc.op == IB_OP_ATTENTION ? std::int64_t{3} : 1) * desc.width;
}
inline std::int64_t op_output_columns(const ib_op_desc& desc) {
  return desc.op == IB_OP_LINEAR ? desc.outputs : desc.width;
}

inline bool op_has_heads(const ib_op_desc& desc) {
  return desc.op == IB_OP_ATTENTION || desc.op == IB_OP_BLOCK;
}
inline bool op_has_inner(const ib_op_desc& desc) {
  return desc.op == IB_OP_MLP || desc.op == IB_OP_BLOCK;
}

/// Throws Failure unless the description is whole and its sizes make sense: IB_UNSUPPORTED for an operator or an
/// activation that this header does not know, else IB_INVALID_ARGUMENT. Weights are not looked at: see TensorMap.
inline void check_op_desc(const ib_op_desc& desc) {
  require(IB_HAS(ib_op_desc, &desc, past_kv), "ib_op_desc is shorter than that of inferbench.op_bench.v1");
  if (desc.op < IB_OP_LAYER_NORM || desc.op > IB_OP_BLOCK) {
    throw Failure(IB_UNSUPPORTED, "unknown operator " + std::to_string(desc.op));
  }
  require(desc.rows >= 1 && desc.width >= 1 && desc.n_copies >= 1, "rows, width and n_copies must be at least 1");
  require(desc.op != IB_OP_LINEAR || desc.outputs >= 1, "outputs must be at least 1");
  require(!op_has_inner(desc) || desc.inner >= 1, "inner must be at least 1");
  if (op_has_heads(desc)) {
    require(desc.heads >= 1 && desc.width % desc.heads == 0, "width is not a multiple of the heads");
    require(desc.past >= 0 && (desc.past == 0 || desc.past_kv != nullptr), "past is negative, or past_kv is null");
  }
  if ((desc.op == IB_OP_GELU || op_has_inner(desc)) &&
      (desc.activation < IB_ACTIVATION_GELU_TANH || desc.activation > IB_ACTIVATION_RELU)) {
    throw Failure(IB_UNSUPPORTED, "unknown activation " + std::to_string(desc.activation));
  }
  require((desc.op != IB_OP_LAYER_NORM && desc.op != IB_OP_BLOCK) || desc.layer_norm_epsilon > 0,
          "layer_norm_epsilon is not above 0");
  require(desc.precision != nullptr && desc.input != nullptr, "precision or input is null");
  require(desc.options != nullptr || desc.n_options == 0, "options is null");
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
