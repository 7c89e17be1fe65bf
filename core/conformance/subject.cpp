// SPDX-License-Identifier: Apache-2.0
#include "conformance/subject.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "support/error.hpp"
#include "support/precision.hpp"

namespace inferbench::conformance {

namespace {

struct Known {
  int bits;
  Tolerance tolerance;
};

// If activations are rounded to 8 bits, one last bit rounded differently moves logits by hundredths.
constexpr std::array<Known, 4> kKnown{{{32, {1e-4, 1e-4}}, {16, {2e-2, 2e-2}}, {8, {0.15, 0.05}}, {4, {0.15, 0.35}}}};

void clear(ib_error& error) {
  std::memset(error.message, '?', sizeof(error.message));
}

[[noreturn]] void fail(const char* function, ib_error& error) {
  error.message[sizeof(error.message) - 1] = '\0';
  throw Error(std::string(function) + ": " + error.message);
}

}  // namespace

Tolerance tolerance_of_bits(int bits) {
  const auto* const known =
      std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& one) { return one.bits <= bits; });
  return known != kKnown.end() ? known->tolerance : kKnown.back().tolerance;
}

Tolerance default_tolerance(std::string_view precision) {
  const Known* const known = row_by_bits(kKnown, precision_meaning(precision));
  return known != nullptr ? known->tolerance : kKnown.back().tolerance;
}

bool says_its_bits(std::string_view precision) {
  return row_by_bits(kKnown, precision_meaning(precision)) != nullptr;
}

std::vector<OptionDescription> Subject::option_schema() const {
  if (stand_in == nullptr) return {plugin.options().begin(), plugin.options().end()};
  std::vector<OptionDescription> schema;
  for (std::uint64_t i = 0; i < stand_in->n_options; ++i) schema.push_back(describe_option(stand_in->options[i]));
  return schema;
}

ib_status device_of(const Subject& subject, std::string& device, ib_error& error) {
  device = subject.device.empty() ? "cpu" : subject.device;
  const ib_backend& table = subject.table();
  if (!subject.device.empty() || table.devices == nullptr) return IB_OK;
  const ib_device_info* devices = nullptr;
  std::uint64_t n = 0;
  const ib_status status = table.devices(&devices, &n, &error);
  if (status == IB_OK && n > 0 && devices != nullptr && devices->id != nullptr) device = devices->id;
  return status;
}

Candidate::Candidate(const Subject& subject, const ib_model_desc& desc, std::int32_t n_threads, const ib_host* host,
                     const char* precision)
    : table_(subject.table()), vocab_(desc.vocab_size), max_positions_(desc.max_positions) {
  if (!init(subject, n_threads, host)) return;
  const OptionValues options(subject.option_schema(), subject.options);
  ib_model_params params{};
  params.struct_size = sizeof(params);
  params.desc = &desc;
  params.precision = precision == nullptr ? subject.precision.c_str() : precision;
  params.options = options.values().data();
  params.n_options = options.values().size();
  params.folder = nullptr;
  clear(error_);
  status_ = table_.model_create(context_, &params, &model_, &error_);
}

// False if this machine cannot run the backend.
bool Candidate::init(const Subject& subject, std::int32_t n_threads, const ib_host* host) {
  clear(error_);
  status_ = device_of(subject, device_, error_);
  if (status_ == IB_UNSUPPORTED) return false;
  if (status_ != IB_OK) fail("devices", error_);
  silent_.struct_size = sizeof(silent_);
  ib_init_params params{};
  params.struct_size = sizeof(params);
  params.host = host == nullptr ? &silent_ : host;
  params.n_threads = n_threads;
  params.device = device_.c_str();
  clear(error_);
  status_ = table_.init(&params, &context_, &error_);
  if (status_ == IB_UNSUPPORTED) return false;
  if (status_ != IB_OK) fail("init", error_);
  return true;
}

Candidate::~Candidate() {
  if (model_ != nullptr) table_.model_destroy(model_);
  if (context_ != nullptr) table_.shutdown(context_);
}

Session::Session(const Candidate& model, std::int32_t n_slots, std::int32_t max_tokens, std::int32_t max_forward_tokens)
    : table_(model.table()), vocab_(model.vocab()) {
  ib_error error;
  if (model.status() != IB_OK) {
    error = model.error();
    fail("model_create", error);
  }
  ib_session_params params{};
  params.struct_size = sizeof(params);
  params.n_slots = n_slots;
  params.max_tokens = max_tokens == 0 ? model.max_positions() : max_tokens;
  params.max_forward_tokens = max_forward_tokens;
  clear(error);
  if (table_.session_create(model.get(), &params, &session_, &error) != IB_OK) fail("session_create", error);
}

Session::~Session() {
  table_.session_destroy(session_);
}

ib_status Session::forward(const ib_forward_params& params, ib_error& error) const {
  clear(error);
  return table_.forward(session_, &params, &error);
}

ib_status Session::truncate(std::int32_t slot, std::int32_t n_past, ib_error& error) const {
  clear(error);
  return table_.session_truncate(session_, slot, n_past, &error);
}

void Session::truncate(std::int32_t slot, std::int32_t n_past) const {
  ib_error error;
  if (truncate(slot, n_past, error) != IB_OK) fail("session_truncate", error);
}

std::vector<float> Session::all_logits(std::int32_t slot, std::span<const std::int32_t> ids) const {
  Batch batch;
  batch.add(slot, {ids.begin(), ids.end()}, IB_OUTPUT_ALL_LOGITS);
  return batch.run(*this).logits;
}

std::vector<float> Session::last_logits(std::int32_t slot, std::span<const std::int32_t> ids) const {
  Batch batch;
  batch.add(slot, {ids.begin(), ids.end()}, IB_OUTPUT_LAST_LOGITS);
  return batch.run(*this).logits;
}

std::int32_t Session::greedy(std::int32_t slot, std::span<const std::int32_t> ids) const {
  Batch batch;
  batch.add(slot, {ids.begin(), ids.end()}, IB_OUTPUT_GREEDY);
  return batch.run(*this).ids.front();
}

void Batch::add(std::int32_t slot, std::vector<std::int32_t> ids, std::int32_t output) {
  fed_.push_back({slot, std::move(ids), output});
}

ib_forward_params Batch::params() const {
  sequences_.clear();
  for (const Fed& one : fed_) {
    sequences_.push_back({one.slot, static_cast<std::int32_t>(one.ids.size()), one.ids.data(), one.output, 0});
  }
  ib_forward_params params{};
  params.struct_size = sizeof(params);
  params.sequences = sequences_.data();
  params.n_sequences = static_cast<std::int32_t>(sequences_.size());
  return params;
}

std::size_t Batch::n_rows() const {
  std::size_t rows = 0;
  for (const Fed& one : fed_) {
    if (one.output == IB_OUTPUT_ALL_LOGITS) rows += one.ids.size();
    if (one.output == IB_OUTPUT_LAST_LOGITS) ++rows;
  }
  return rows;
}

std::size_t Batch::n_ids() const {
  return static_cast<std::size_t>(
      std::count_if(fed_.begin(), fed_.end(), [](const Fed& one) { return one.output == IB_OUTPUT_GREEDY; }));
}

Output Batch::run(const Session& session) const {
  Output output{std::vector<float>(n_rows() * static_cast<std::size_t>(session.vocab())),
                std::vector<std::int32_t>(n_ids(), -1)};
  ib_forward_params call = params();
  if (!output.logits.empty()) call.logits = output.logits.data();
  call.logits_capacity = output.logits.size();
  if (!output.ids.empty()) call.ids = output.ids.data();
  call.ids_capacity = output.ids.size();
  ib_error error;
  if (session.forward(call, error) != IB_OK) fail("forward", error);
  return output;
}

Batch Batch::with_output(std::int32_t output) const {
  Batch changed = *this;
  for (Fed& one : changed.fed_) one.output = output;
  return changed;
}

std::vector<float> Batch::logits(const Session& session, std::int32_t output) const {
  return with_output(output).run(session).logits;
}

std::vector<std::int32_t> Batch::greedy(const Session& session) const {
  return with_output(IB_OUTPUT_GREEDY).run(session).ids;
}

void Batch::advance(const Session& session) const {
  static_cast<void>(with_output(IB_OUTPUT_NONE).run(session));
}

}  // namespace inferbench::conformance
