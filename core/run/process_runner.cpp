// SPDX-License-Identifier: Apache-2.0
#include "run/process_runner.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "measure/clock.hpp"
#include "results/outcome_json.hpp"
#include "run/child_process.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/shortage.hpp"
#include "worker/frame.hpp"
#include "worker/messages.hpp"

namespace inferbench {

namespace {

// At the timeout a worker is asked to stop by itself (the backend may poll is_cancelled); it is killed this much later.
constexpr double kGraceS = 1;
constexpr double kStartTimeoutS = 30;
constexpr double kStopPatienceS = 5;
constexpr double kLostPatienceS = 0.2;
constexpr std::uint64_t kForever = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kMemoryWatchNs = 100'000'000;

std::uint64_t deadline_after(double seconds) {
  return seconds > 0 ? now_ns() + static_cast<std::uint64_t>(seconds * 1e9) : kForever;
}

// Signals of a backend that used a null pointer or did not catch an exception.
constexpr std::array kCrashSignals{SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTRAP};

// If a signal stopped the worker, the timing is useless.
template <typename Outcome>
void set_stopped(Outcome& /*outcome*/) {}
void set_stopped(LoadOutcome& outcome) {
  outcome.standstill.stopped = true;
}
void set_stopped(TrialOutcome& outcome) {
  outcome.interference.standstill.stopped = true;
}
void set_stopped(OperatorSample& outcome) {
  outcome.interference.standstill.stopped = true;
}

template <typename Outcome>
Outcome failed_outcome(TrialStatus status, const std::string& error, const std::string& tail) {
  Outcome outcome;
  outcome.status = status;
  outcome.error = error;
  outcome.stderr_tail = tail;
  return outcome;
}

}  // namespace

/// An answer, or the reason why there is none.
struct ProcessRunner::Exchange {
  nlohmann::json answer;
  TrialStatus status = TrialStatus::kOk;
  std::string error;
  std::string tail;
};

double TeardownPatience::seconds_for(const std::string& plugin) const {
  return lost_.contains(plugin) ? kLostPatienceS : kStopPatienceS;
}

ProcessRunner::ProcessRunner(std::vector<std::string> command, std::shared_ptr<TeardownPatience> patience)
    : command_(std::move(command)), patience_(std::move(patience)), groups_(find_cgroups()) {}

ProcessRunner::~ProcessRunner() = default;

void ProcessRunner::unload() {
  if (child_ && loaded_) take_down();
  if (child_) {
    const double patience_s = patience_->seconds_for(plugin_);
    const ChildEnd end = child_->stop(patience_s);
    if (end.by_host) {
      patience_->lost_with(plugin_);
      note_teardown_fault(fmt::format("at its exit: the worker did not end within {} s", patience_s));
    } else if (!end.good()) {
      note_teardown_fault("at its exit: the worker " + to_string(end));
    }
    if (const int left = child_->left_behind(); left > 0) {
      note_teardown_fault(
          fmt::format("at its exit: the worker left {} behind, killed by the host", counted(left, "process")));
    }
  }
  child_.reset();
  buffer_.reset();
  loaded_ = false;
}

// Waits for an answer, so that the backend is shut down before the worker ends. Without an answer, the worker is
// killed.
void ProcessRunner::take_down() {
  const double patience_s = patience_->seconds_for(plugin_);
  Exchange result;
  try {
    ++sequence_;
    timeout_s_ = patience_s;
    result = wait_for(encode_frame(unload_message(sequence_)), deadline_after(patience_s));
    if (result.status == TrialStatus::kOk) outcome_of(result.answer, sequence_);
  } catch (const std::exception& error) {
    result = failed(TrialStatus::kCrashed, error.what());
  }
  if (result.status == TrialStatus::kTimeout) patience_->lost_with(plugin_);
  if (result.status != TrialStatus::kOk) note_teardown_fault(result.error);
}

void ProcessRunner::note_teardown_fault(const std::string& fault) {
  if (teardown_fault_.empty()) teardown_fault_ = fault;
}

std::string ProcessRunner::take_teardown_fault() {
  return std::exchange(teardown_fault_, {});
}

ProcessRunner::Exchange ProcessRunner::failed(TrialStatus status, std::string error) {
  Exchange result;
  result.status = status;
  result.error = teardown_call_.empty() ? std::move(error) : fmt::format("in {}: {}", teardown_call_, error);
  teardown_call_.clear();
  if (child_) {
    child_->kill();
    if (const int left = child_->left_behind(); left > 0) {
      result.error += fmt::format("; it left {} behind, killed", counted(left, "process"));
    }
    result.tail = child_->output_tail();
  }
  child_.reset();
  buffer_.reset();
  loaded_ = false;
  return result;
}

template <typename Outcome, typename Request, typename Message>
Outcome ProcessRunner::start(const Request& request, Message message, Outcome (*read)(const nlohmann::json&)) {
  unload();
  memory_bytes_ = request.memory_bytes;
  plugin_ = request.plugin;
  Exchange result;
  try {
    oom_before_ = read_oom_counts(groups_);
    child_ = std::make_unique<ChildProcess>(command_);
    buffer_ = std::make_unique<FrameBuffer>();
    timeout_s_ = kStartTimeoutS;
    result = wait_for({}, deadline_after(kStartTimeoutS));
    if (result.status == TrialStatus::kOk) check_hello(result.answer);
    if (result.status == TrialStatus::kOk) {
      ++sequence_;
      result = exchange(message(sequence_, request), sequence_, request.timeout_s);
    }
    if (result.status == TrialStatus::kOk) {
      Outcome outcome = read(result.answer);
      if (child_->take_stop() != 0) set_stopped(outcome);
      loaded_ = outcome.status == TrialStatus::kOk;
      if (!loaded_ && child_) {
        child_->drain_output();
        outcome.stderr_tail = child_->output_tail();
      }
      return outcome;
    }
  } catch (const ShortageError&) {  // not the contender's fault
    throw;
  } catch (const std::exception& error) {  // Error, ProtocolError, nlohmann's exceptions
    result = failed(TrialStatus::kCrashed, error.what());
  }
  return failed_outcome<Outcome>(result.status, result.error, result.tail);
}

LoadOutcome ProcessRunner::load(const LoadRequest& request) {
  return start<LoadOutcome>(request, load_message, load_outcome_from);
}

OperatorPrepared ProcessRunner::prepare(const OperatorRequest& request) {
  return start<OperatorPrepared>(request, prepare_message, operator_prepared_from);
}

template <typename Outcome, typename Message>
Outcome ProcessRunner::ask(double timeout_s, Message message, Outcome (*read)(const nlohmann::json&)) {
  if (!loaded_) return failed_outcome<Outcome>(TrialStatus::kInvalid, "nothing is loaded", {});
  Exchange result;
  try {
    ++sequence_;
    child_->take_stop();  // discards stops before this request
    result = exchange(message(sequence_), sequence_, timeout_s);
    if (result.status == TrialStatus::kOk) {
      Outcome outcome = read(result.answer);
      if (child_->take_stop() != 0) set_stopped(outcome);
      if (outcome.status != TrialStatus::kOk) {
        child_->drain_output();
        outcome.stderr_tail = child_->output_tail();
      }
      return outcome;
    }
  } catch (const std::exception& error) {
    result = failed(TrialStatus::kCrashed, error.what());
  }
  return failed_outcome<Outcome>(result.status, result.error, result.tail);
}

TrialOutcome ProcessRunner::run(const TrialRequest& request) {
  return ask<TrialOutcome>(
      request.timeout_s, [&](std::uint64_t n) { return run_message(n, request); }, trial_outcome_from);
}

WindowOutcome ProcessRunner::judge_window(const WindowRequest& request) {
  return ask<WindowOutcome>(
      request.timeout_s, [&](std::uint64_t n) { return judge_message(n, request); }, window_outcome_from);
}

MarginOutcome ProcessRunner::measure_margin(const MarginRequest& request) {
  return ask<MarginOutcome>(
      request.timeout_s, [&](std::uint64_t n) { return margin_message(n, request); }, margin_outcome_from);
}

OperatorSample ProcessRunner::sample(const OperatorSampleRequest& request) {
  return ask<OperatorSample>(
      request.timeout_s, [&](std::uint64_t n) { return sample_message(n, request); }, operator_sample_from);
}

ProcessRunner::Exchange ProcessRunner::exchange(const nlohmann::json& message, std::uint64_t sequence,
                                                double timeout_s) {
  timeout_s_ = timeout_s;
  Exchange result = wait_for(encode_frame(message), deadline_after(timeout_s > 0 ? timeout_s + kGraceS : 0));
  if (result.status == TrialStatus::kOk) result.answer = nlohmann::json(outcome_of(result.answer, sequence));
  return result;
}

// How a crash may be related to the memory limit: allocations over it fail, and not every backend checks for that.
std::string ProcessRunner::limit_text() const {
  if (memory_bytes_ == 0) return {};
  constexpr double kNear = 0.8;
  const std::uint64_t peak = child_->peak_resident_bytes();
  const bool near = static_cast<double>(peak) > kNear * static_cast<double>(memory_bytes_);
  return fmt::format("; {} memory limit of {} bytes (peak resident size {}): an allocation {} have failed",
                     near ? "near its" : "it had a", memory_bytes_, peak, near ? "must" : "may");
}

ProcessRunner::Exchange ProcessRunner::ended() {
  // A SIGKILL that this program did not send usually comes from the kernel, for lack of memory.
  const ChildEnd end = child_->stop(kStopPatienceS);
  if (end.by_host) return failed(TrialStatus::kCrashed, "the worker closed its connection but did not end");
  const std::string cause = find_oom_cause(groups_, oom_before_, read_oom_counts(groups_));
  if (end.signal == SIGKILL && !cause.empty()) {
    return failed(TrialStatus::kOom, kKilledByKernel + cause);
  }
  if (end.exit_code == kExitNotStarted && child_->output_tail() == kNotStarted) {
    throw ShortageError(fmt::format("cannot start a worker: {} cannot be executed", command_.front()),
                        "check that the program was not replaced and that memory is free");
  }
  // If an allocation fails in a thread of the backend, the process ends in std::terminate.
  const bool bad_alloc = end.signal == SIGABRT && child_->output_tail().find("std::bad_alloc") != std::string::npos;
  if (bad_alloc || (end.signal == 0 && end.exit_code == kExitMemory)) {
    return failed(TrialStatus::kOom, "out of memory: the worker " + to_string(end) + limit_text());
  }
  const bool crash = std::find(kCrashSignals.begin(), kCrashSignals.end(), end.signal) != kCrashSignals.end();
  return failed(TrialStatus::kCrashed, "the worker " + to_string(end) + (crash ? limit_text() : ""));
}

std::optional<nlohmann::json> ProcessRunner::next_message() {
  while (auto payload = buffer_->next()) {
    nlohmann::json message = decode_payload(*payload);
    const auto step = teardown_step_of(message);
    if (!step) return message;
    teardown_call_ = step->call;
    if (!step->problem.empty()) note_teardown_fault(step->problem);
  }
  return std::nullopt;
}

ProcessRunner::Exchange ProcessRunner::wait_for(std::vector<std::uint8_t> outgoing, std::uint64_t deadline_ns) {
  std::span<const std::uint8_t> unsent(outgoing);
  std::array<std::uint8_t, 65536> bytes{};
  while (true) {
    if (auto message = next_message()) {
      Exchange result;
      result.answer = std::move(*message);
      oom_before_ = read_oom_counts(groups_);
      return result;
    }
    // Before the deadline check: this process may have been stopped too in the meantime.
    const ssize_t received = recv(child_->socket(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (received > 0) {
      buffer_->append(std::span(bytes).first(static_cast<std::size_t>(received)));
      continue;  // messages sent before the worker ended still count
    }
    const bool closed = received == 0 || (received < 0 && errno != EAGAIN && errno != EINTR);
    if (closed || child_->poll_end()) return ended();
    const std::uint64_t now = now_ns();
    if (now >= deadline_ns) return late();
    if (memory_bytes_ > 0 && child_->resident_bytes().value_or(0) > memory_bytes_) {
      return failed(TrialStatus::kOom, fmt::format("resident memory exceeds the limit of {} bytes", memory_bytes_));
    }
    // Wakes up only for events if there is nothing to poll, so as not to disturb the worker's measurement.
    std::uint64_t wake = deadline_ns;
    if (memory_bytes_ > 0 || child_->process_fd() < 0) wake = std::min(wake, now + kMemoryWatchNs);
    const std::uint64_t ms =
        wake == kForever ? 0 : std::min<std::uint64_t>((wake - now) / 1'000'000 + 1, 1'000'000'000);
    const short socket_events = unsent.empty() ? POLLIN : POLLIN | POLLOUT;
    std::array<pollfd, 3> polled{pollfd{child_->socket(), socket_events, 0}, pollfd{child_->output(), POLLIN, 0},
                                 pollfd{child_->process_fd(), POLLIN, 0}};
    ::poll(polled.data(), polled.size(), wake == kForever ? -1 : static_cast<int>(ms));
    if (polled[1].revents != 0) child_->drain_output();
    if (!unsent.empty() && (polled[0].revents & POLLOUT) != 0) {
      const ssize_t sent = send(child_->socket(), unsent.data(), unsent.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) unsent = unsent.subspan(static_cast<std::size_t>(sent));
    }
  }
}

ProcessRunner::Exchange ProcessRunner::late() {
  const int signal = child_->take_stop();
  const char* name = signal == 0 ? nullptr : sigabbrev_np(signal);
  return failed(TrialStatus::kTimeout, fmt::format("longer than {} s{}", timeout_s_,
                                                   name == nullptr ? "" : fmt::format("; SIG{} stopped it", name)));
}

}  // namespace inferbench
