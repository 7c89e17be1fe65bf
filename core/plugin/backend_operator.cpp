// SPDX-License-Identifier: Apache-2.0
#include "plugin/backend_operator.hpp"

#include <fmt/format.h>

#include <utility>

#include "plugin/checked_call.hpp"
#include "plugin/logit_check.hpp"
#include "support/one_line.hpp"

namespace inferbench {

struct BackendOperator::Impl {
  explicit Impl(BackendContext parent) : context(std::move(parent)) {}
  ~Impl() {
    if (op != nullptr) destroy(context.callbacks(), "destroy", [&] { table->destroy(op); });
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  BackendContext context;
  const ib_op_bench_ext* table = nullptr;
  ib_op* op = nullptr;
  ib_op_info info{};
  std::string kernels;
};

BackendOperator::BackendOperator(BackendContext context, const ib_op_desc& desc)
    : impl_(std::make_shared<Impl>(std::move(context))) {
  const Plugin& plugin = impl_->context.plugin();
  const auto* table = static_cast<const ib_op_bench_ext*>(plugin.extension(IB_EXT_OP_BENCH_V1));
  if (table == nullptr) {
    throw_status(plugin, "extension", IB_UNSUPPORTED, "it offers no single operators (" IB_EXT_OP_BENCH_V1 ")");
  }
  const bool whole = IB_HAS(ib_op_bench_ext, table, destroy) && table->prepare != nullptr && table->info != nullptr &&
                     table->run != nullptr && table->output != nullptr && table->destroy != nullptr;
  if (!whole) throw_status(plugin, "extension", IB_INTERNAL, "the table of " IB_EXT_OP_BENCH_V1 " is incomplete");
  impl_->table = table;
  impl_->context.call("prepare",
                      [&](ib_error& error) { return table->prepare(impl_->context.get(), &desc, &impl_->op, &error); });
  if (impl_->op == nullptr) throw_status(plugin, "prepare", IB_INTERNAL, "it returned ok, but no operator");
  impl_->info = completed(plugin, "info", table->info(impl_->op));
  impl_->kernels = impl_->info.kernels == nullptr ? "" : one_line(impl_->info.kernels);
  impl_->info.kernels = impl_->kernels.c_str();
  op_ = impl_->op;
  run_ = table->run;
}

BackendError BackendOperator::failure(std::string_view call, ib_status status, const ib_error& error) const {
  return impl_->context.failure(call, status, error);
}

const ib_op_info& BackendOperator::info() const {
  return impl_->info;
}

void BackendOperator::run_once(std::int32_t copy) const {
  impl_->context.call("run", [&](ib_error& error) { return run_(op_, copy, &error); });
}

std::vector<float> BackendOperator::output(std::size_t n) const {
  std::vector<float> result(n);
  mark_unwritten(result);
  impl_->context.call("output", [&](ib_error& error) { return impl_->table->output(op_, result.data(), n, &error); });
  if (const auto wrong = find_wrong_logit(result, n)) {
    throw WrongOutput(fmt::format("output: value {} {}", wrong->token, wrong_value_text(wrong->value)));
  }
  return result;
}

ib_status BackendOperator::run_threw(ib_error& error) noexcept {
  constexpr std::string_view kMessage = "it threw an exception across the ABI";
  kMessage.copy(error.message, kMessage.size());
  error.message[kMessage.size()] = '\0';
  return IB_INTERNAL;
}

}  // namespace inferbench
