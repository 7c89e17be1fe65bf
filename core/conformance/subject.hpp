// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "conformance/test_configs.hpp"
#include "conformance/test_model.hpp"
#include "plugin/backend.hpp"

namespace inferbench::conformance {

/// The allowed differences, in standard deviations of the logits.
struct Tolerance {
  double rounding = 0;  ///< "up to rounding": the greatest difference between two ways to feed the same tokens
  double numerics = 0;  ///< root mean square of the difference to the float64 reference
};

/// For weights of that many bits.
Tolerance tolerance_of_bits(int bits);
/// From the number of bits in the precision's name; if it names none, that of the narrowest weights.
Tolerance default_tolerance(std::string_view precision);
/// True if the precision's name says how many bits it has.
bool says_its_bits(std::string_view precision);

/// The backend under test, and its settings.
struct Subject {
  Plugin plugin;
  std::string precision;                       ///< never empty
  std::map<std::string, std::string> options;  ///< all other options keep their defaults
  Tolerance tolerance;
  std::string judged_as;                            ///< the precision that `tolerance` belongs to; never empty
  const ib_backend* stand_in = nullptr;             ///< if not null, examined instead of the plugin
  std::string device{};                             ///< empty: the backend's first
  std::uint64_t only_features = ~std::uint64_t{0};  ///< of those that the plugin declares
  bool whole_families = false;                      ///< as if the table had IB_FLAG_WHOLE_FAMILIES

  const ib_backend& table() const { return stand_in != nullptr ? *stand_in : plugin.table(); }
  std::vector<OptionDescription> option_schema() const;

  /// IB_FEATURE_* that test models may need, and kWholeFamilies. A stand-in computes them, too.
  std::uint64_t features() const {
    const std::uint64_t declared = plugin.table().features & only_features;
    const bool families = whole_families || (plugin.table().flags & IB_FLAG_WHOLE_FAMILIES) != 0;
    return families ? declared | kWholeFamilies : declared;
  }
  ModelConfig plain() const { return plain_config(features()); }
  std::vector<NamedConfig> bases() const { return base_configs(features()); }
};

/// Calls model_create through the raw table, on its own context and without a folder. A failure of model_create is
/// stored, not thrown, and so is a machine that lacks what the backend needs (IB_UNSUPPORTED from devices or init).
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
  std::int32_t max_positions() const { return max_positions_; }

 private:
  bool init(const Subject& subject, std::int32_t n_threads, const ib_host* host);

  const ib_backend& table_;
  std::int32_t vocab_;
  std::int32_t max_positions_;
  ib_host silent_{};    // must live as long as the context
  std::string device_;  // likewise
  ib_context* context_ = nullptr;
  ib_model* model_ = nullptr;
  ib_status status_ = IB_INTERNAL;
  ib_error error_{};
};

/// A session through the raw table. Throws Error if it cannot be created.
class Session {
 public:
  /// `max_tokens` 0: the model's max_positions.
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

/// The output of one forward call: rows of logits and ids, in the order of the call.
struct Output {
  std::vector<float> logits;  ///< [rows, vocab]
  std::vector<std::int32_t> ids;
};

/// The sequences of one forward call; owns their tokens.
class Batch {
 public:
  /// `output`: what this sequence wants, IB_OUTPUT_*.
  void add(std::int32_t slot, std::vector<std::int32_t> ids, std::int32_t output = IB_OUTPUT_NONE);

  /// Makes the call. Throws Error.
  Output run(const Session& session) const;

  // The same call, but every sequence wants the same: LAST_LOGITS or ALL_LOGITS; GREEDY; NONE.
  std::vector<float> logits(const Session& session, std::int32_t output) const;
  std::vector<std::int32_t> greedy(const Session& session) const;
  void advance(const Session& session) const;

  /// How much room the output needs.
  std::size_t n_rows() const;
  std::size_t n_ids() const;

  /// Parameters without buffers; they borrow from *this.
  ib_forward_params params() const;
  /// The same sequences, each with this output.
  Batch with_output(std::int32_t output) const;

 private:
  struct Fed {
    std::int32_t slot;
    std::vector<std::int32_t> ids;
    std::int32_t output;
  };
  std::vector<Fed> fed_;
  mutable std::vector<ib_sequence> sequences_;  // what params() hands out
};

/// The device that init is told: the subject's, or the backend's first. On failure returns the status of
/// ib_backend.devices, with its message in `error`.
ib_status device_of(const Subject& subject, std::string& device, ib_error& error);

}  // namespace inferbench::conformance
