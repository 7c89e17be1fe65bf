// SPDX-License-Identifier: Apache-2.0
#include "ops/loaded_operator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "measure/affinity.hpp"
#include "measure/cache_size.hpp"
#include "measure/clock.hpp"
#include "ops/operator_error.hpp"
#include "ops/operator_inputs.hpp"
#include "ops/outcome_guard.hpp"
#include "plugin/description.hpp"

namespace inferbench {

namespace {

constexpr std::uint64_t kTimesCache = 4;
constexpr std::uint64_t kPartOfMemory = 8;
constexpr std::uint64_t kMostCopies = 1U << 16U;
constexpr std::uint64_t kUnknownDeviceCache = std::uint64_t{256} << 20U;  // as large as any that is sold
constexpr double kMostWarmUpS = 0.002;
constexpr double kFirstGuessS = 0.001;
constexpr std::int64_t kMostRuns = 10'000'000;

std::int64_t runs_in(double seconds, double run_s) {
  const double runs = run_s > 0 ? seconds / run_s : 1;
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(std::ceil(runs)), 1, kMostRuns);
}

/// The last cache before the memory that the operator's weights are in, and that memory.
struct CacheAndMemory {
  std::uint64_t cache_bytes;
  std::uint64_t memory_bytes;
};

CacheAndMemory place_of(const OperatorRequest& request, const PluginDescription& plugin) {
  for (const DeviceDescription& device : plugin.devices) {
    const bool is_used = request.device.empty() ? &device == plugin.devices.data() : device.id == request.device;
    if (!is_used || device.memory_bytes == 0) continue;
    return {request.device_cache_bytes > 0 ? request.device_cache_bytes : kUnknownDeviceCache, device.memory_bytes};
  }
  return {last_cache_bytes(), available_memory_bytes()};
}

}  // namespace

std::int32_t copies_for(OperatorCache cache, std::uint64_t bytes, std::uint64_t cache_bytes,
                        std::uint64_t available_bytes) {
  if (cache == OperatorCache::kHot || bytes == 0) return 1;
  const std::uint64_t wanted = kTimesCache * cache_bytes / bytes + 1;
  const std::uint64_t fit = available_bytes > 0 ? available_bytes / kPartOfMemory / bytes : wanted;
  return static_cast<std::int32_t>(std::clamp<std::uint64_t>(std::min(wanted, fit), 1, kMostCopies));
}

OperatorPrepared LoadedOperator::prepare(const OperatorRequest& request) {
  OperatorPrepared outcome;
  operator_.reset();
  threads_ = request.threads;
  const ScopedAffinity affinity(threads_);  // the backend's threads inherit it
  into_outcome(outcome, [&] { make(request, outcome); });
  if (outcome.status != TrialStatus::kOk) operator_.reset();
  return outcome;
}

void LoadedOperator::make(const OperatorRequest& request, OperatorPrepared& outcome) {
  const Plugin plugin = Plugin::load(request.plugin);
  const OptionValues options(plugin.options(), request.options);
  if (const auto meaning = plugin.description().meaning_of(request.precision)) {
    outcome.weight_bits = meaning->bits;
    outcome.integer_products = meaning->integer;
  }
  const std::string_view missing = missing_feature(operator_features(request.spec), plugin.description().features);
  if (!missing.empty()) {
    throw BackendError(IB_UNSUPPORTED,
                       fmt::format("backend {} has no {}, which the operator needs", plugin.name(), missing));
  }
  const OperatorInputs inputs(request.spec, request.seed);
  HostCallbacks callbacks;
  callbacks.teardown = teardown_;
  const BackendContext context(plugin, request.threads, std::move(callbacks), request.device);

  ib_op_desc desc = inputs.desc();
  desc.precision = request.precision.c_str();
  desc.options = options.values().data();
  desc.n_options = options.values().size();
  operator_ = std::make_unique<BackendOperator>(context, desc);
  const ib_op_info info = operator_->info();
  outcome.weights_bytes = info.weights_bytes;
  outcome.kv_bytes = info.kv_bytes;
  const auto [cache_bytes, memory_bytes] = place_of(request, plugin.description());
  outcome.n_copies = copies_for(request.cache, outcome.bytes(), cache_bytes, memory_bytes);
  if (outcome.n_copies > 1) {
    operator_.reset();
    desc.n_copies = outcome.n_copies;
    operator_ = std::make_unique<BackendOperator>(context, desc);
  }
  outcome.kernels = operator_->info().kernels;
  n_copies_ = outcome.n_copies;
  next_copy_ = 0;
  run_s_ = 0;
  operator_->run_once(0);
  first_result_ = operator_->output(inputs.n_results());
  outcome.output = first_result_;
}

OperatorSample LoadedOperator::sample(const OperatorSampleRequest& request) {
  OperatorSample outcome;
  if (!operator_) {
    outcome.status = TrialStatus::kInvalid;
    outcome.error = "no operator is prepared";
    return outcome;
  }
  StandstillWatch standstill;
  const ScopedAffinity affinity(threads_);
  const InterferenceWatch watch(affinity.cpus(), standstill);
  into_outcome(outcome, [&] { time(request, outcome); });
  outcome.interference = watch.seen();
  if (outcome.status != TrialStatus::kOk) operator_.reset();  // its state is unknown
  return outcome;
}

void LoadedOperator::time(const OperatorSampleRequest& request, OperatorSample& outcome) {
  const double warm_up_s = std::min(request.seconds, kMostWarmUpS);
  if (run_s_ <= 0) run_s_ = run_many(1);
  // The first runs are slow: a run count based on them would be too low.
  run_s_ = std::min(run_s_, run_many(runs_in(warm_up_s, std::min(run_s_, kFirstGuessS))));
  outcome.runs = runs_in(request.seconds, run_s_);
  const ResourceUse before = read_resource_use();
  outcome.run_s = run_many(outcome.runs);
  outcome.used = read_resource_use() - before;
  outcome.change = change_of(operator_->output(first_result_.size()));
}

// Returns the seconds per run.
double LoadedOperator::run_many(std::int64_t runs) {
  ib_error error{};
  ib_status status = IB_OK;
  std::int32_t copy = next_copy_;
  const std::uint64_t begin = now_ns();
  for (std::int64_t i = 0; i < runs && status == IB_OK; ++i) {
    status = operator_->run(copy, error);
    copy = copy + 1 < n_copies_ ? copy + 1 : 0;
  }
  const std::uint64_t end = now_ns();
  next_copy_ = copy;
  if (status != IB_OK) throw operator_->failure("run", status, error);
  return static_cast<double>(end - begin) * 1e-9 / static_cast<double>(runs);
}

double LoadedOperator::change_of(const std::vector<float>& result) const {
  const std::vector<double> first(first_result_.begin(), first_result_.end());
  return operator_error(result, first).max;
}

}  // namespace inferbench
