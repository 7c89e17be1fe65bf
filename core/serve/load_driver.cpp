// SPDX-License-Identifier: Apache-2.0
#include "serve/load_driver.hpp"

#include <algorithm>
#include <deque>
#include <utility>

namespace inferbench {

namespace {

constexpr double kNsPerSecond = 1e9;

class LoadDriver {
 public:
  LoadDriver(LoadPlan plan, const SchedulerOptions& options, Engine& engine, const LoadClock& clock)
      : plan_(std::move(plan)), clock_(clock), scheduler_(options, engine, clock.now_ns, events()) {
    result_.outcomes.resize(plan_.requests.size());
  }

  LoadResult run() {
    start_ns_ = clock_.now_ns();
    users_.assign(static_cast<std::size_t>(plan_.concurrency), start_ns_);
    while (send_due() || !scheduler_.idle()) {
      if (plan_.should_stop && plan_.should_stop()) {
        cancel_all();
        break;
      }
      if (scheduler_.idle()) {
        wait();
      } else {
        add(scheduler_.step());
      }
    }
    result_.outcomes.resize(next_);
    return std::move(result_);
  }

 private:
  SchedulerEvents events() {
    SchedulerEvents events;
    if (plan_.token) {
      events.token = [this](RequestId id, std::int32_t token, std::uint64_t) {
        plan_.token(id, token);
        return true;
      };
    }
    events.finished = [this](RequestOutcome outcome) {
      if (closed()) users_.push_back(outcome.end_ns);
      if (plan_.ended) plan_.ended(outcome);
      const auto place = static_cast<std::size_t>(outcome.id);
      result_.outcomes[place] = std::move(outcome);
    };
    return events;
  }

  bool closed() const { return plan_.concurrency > 0; }

  // Sends the requests that have arrived. Returns whether more will come by themselves.
  bool send_due() {
    const std::size_t n = plan_.requests.size();
    if (closed()) {
      while (next_ < n && !users_.empty() && !over()) {
        const std::uint64_t free_since = users_.front();
        users_.pop_front();
        send(free_since);
      }
      return false;  // the next request comes with the end of one that runs
    }
    const std::uint64_t now = clock_.now_ns();
    while (next_ < n && arrival_of_next() <= now) send(arrival_of_next());
    return next_ < n;
  }

  bool over() const {
    return plan_.duration_s > 0 && static_cast<double>(clock_.now_ns() - start_ns_) > plan_.duration_s * kNsPerSecond;
  }

  std::uint64_t arrival_of_next() const { return start_ns_ + plan_.requests[next_].arrival_ns; }

  void send(std::uint64_t arrival_ns) {
    Request request = std::move(plan_.requests[next_]);
    request.id = next_++;
    request.arrival_ns = arrival_ns;
    scheduler_.submit(std::move(request));
  }

  void wait() {
    const std::uint64_t begin = clock_.now_ns();
    const std::uint64_t due = arrival_of_next();
    clock_.wait_until(due);
    const std::uint64_t end = clock_.now_ns();
    result_.totals.idle_ns += end - begin;
    result_.totals.latest_ns = std::max(result_.totals.latest_ns, end - std::min(end, due));
  }

  void add(const StepReport& report) {
    LoadTotals& totals = result_.totals;
    if (!report.ran()) return;
    const std::uint64_t forward = report.forward_end_ns - report.forward_begin_ns;
    ++totals.steps;
    totals.forward_ns += forward;
    totals.scheduler_ns += report.end_ns - report.begin_ns - forward;
    totals.sequences += report.sequences;
    totals.prefill_tokens += report.prefill_tokens;
    totals.decode_tokens += report.decode_tokens;
  }

  void cancel_all() {
    result_.stopped = true;
    for (RequestId id = 0; id < next_; ++id) scheduler_.cancel(id);
    scheduler_.step();  // nothing is left to run
  }

  LoadPlan plan_;
  const LoadClock& clock_;
  LoadResult result_;
  Scheduler scheduler_;
  std::uint64_t start_ns_ = 0;
  std::size_t next_ = 0;             ///< the next request to send
  std::deque<std::uint64_t> users_;  ///< closed loop: since when the users who have no request are free
};

}  // namespace

LoadResult run_load(LoadPlan plan, const SchedulerOptions& options, Engine& engine, const LoadClock& clock) {
  return LoadDriver(std::move(plan), options, engine, clock).run();
}

}  // namespace inferbench
