// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "conformance/test_model.hpp"
#include "plugin/backend.hpp"

namespace inferbench::conformance {

/// The allowed differences, in standard deviations of the logits.
struct Tolerance {
  double rounding = 0;  ///< "up to rounding": the greatest difference between two ways to feed the same tokens
  double numerics = 0;  ///< root mean square of the difference to the float64 reference
};

/// From the number of bits in the precision's name; if it names none, the tolerance of the widest precision.
Tolerance default_tolerance(std::string_view precision);
/// True if the precision's name says how many bits it has.
bool says_its_bits(std::string_view precision);

/// The backend under test, and its settings.
struct Subject {
  Plugin plugin;
  std::string precision;                       ///< never empty
  std::map<std::string, std::string> options;  ///< all other options keep their defaults
  Tolerance tolerance;
  std::string judged_as;                 ///< the precision that `tolerance` belongs to; never empty
  const ib_backend* stand_in = nullptr;  ///< if not null, examined instead of the plugin

  const ib_backend& table() const { return stand_in != nullptr ? *stand_in : plugin.table(); }
  std::vector<OptionDescription> option_schema() const;
};

/// Calls model_create through the raw table, on its own context. A failure is stored, not thrown.
class Candidate {
 public:
  /// `precision` null: the subject's. `host` null: a host without callbacks.
  Candidate(const Subject& subject, const ib_model_desc& desc, std::int32_t n_threads = 2,
            const ib_host* host = nullptr, const char* precision = nullptr);
  ~Candidate();
  Candidate(const Candidate&) = delete;
  Candidate& operator=(const Candidate&) = delete;

  ib_status status() const { return status_; }
  const ib_error& error() const { return error_; }
  ib_model* get() const { return model_; }
  const ib_model_info& info() const { return *table_.model_info(model_); }
  const ib_backend& table() const { return table_; }
  std::int32_t vocab() const { return vocab_; }
  std::int32_t context() const { return context_size_; }

 private:
  const ib_backend& table_;
  std::int32_t vocab_;
  std::int32_t context_size_;
  ib_host silent_{};  // must live as long as the context
  ib_context* context_ = nullptr;
  ib_model* model_ = nullptr;
  ib_status status_ = IB_INTERNAL;
  ib_error error_{};
};

/// A session through the raw table. Throws Error if it cannot be created.
class Session {
 public:
  /// `max_tokens` 0: the model's context length.
  explicit Session(const Candidate& model, std::int32_t n_slots = 1, std::int32_t max_tokens = 0,
                   std::int32_t max_forward_tokens = 0);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  ib_session* get() const { return session_; }
  const ib_session_info& info() const { return *table_.session_info(session_); }

  /// Returns the status; `error` receives the message, which stays '?' throughout if the backend wrote none.
  ib_status forward(const ib_forward_params& params, ib_error& error) const;
  ib_status truncate(std::int32_t slot, std::int32_t n_past, ib_error& error) const;

  // For calls that must succeed. They throw Error on failure.
  void truncate(std::int32_t slot, std::int32_t n_past = 0) const;
  std::vector<float> all_logits(std::int32_t slot, std::span<const std::int32_t> ids) const;
  std::vector<float> last_logits(std::int32_t slot, std::span<const std::int32_t> ids) const;
  std::int32_t greedy(std::int32_t slot, std::span<const std::int32_t> ids) const;
  std::int32_t vocab() const { return vocab_; }

 private:
  const ib_backend& table_;
  std::int32_t vocab_;
  ib_session* session_ = nullptr;
};

/// The sequences of one forward call; owns their tokens.
class Batch {
 public:
  void add(std::int32_t slot, std::vector<std::int32_t> ids);
  /// Logits [rows, vocab] for IB_OUTPUT_LAST_LOGITS or IB_OUTPUT_ALL_LOGITS. Throws Error.
  std::vector<float> logits(const Session& session, std::int32_t output) const;
  std::vector<std::int32_t> greedy(const Session& session) const;
  void advance(const Session& session) const;  ///< IB_OUTPUT_NONE

  /// Parameters with no output; they borrow from *this.
  ib_forward_params params() const;

 private:
  std::vector<std::vector<std::int32_t>> tokens_;
  mutable std::vector<ib_sequence> sequences_;
};

}  // namespace inferbench::conformance
