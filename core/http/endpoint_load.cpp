// SPDX-License-Identifier: Apache-2.0
#include "http/endpoint_load.hpp"

#include <algorithm>
#include <utility>

#include "measure/clock.hpp"

namespace inferbench {

namespace {

constexpr std::int64_t kLongestWaitMs = 100;  // so that should_stop is asked
constexpr std::uint64_t kNsPerMs = 1'000'000;

class EndpointLoad {
 public:
  EndpointLoad(EndpointPlan plan, RequestClient& client) : plan_(std::move(plan)), client_(client) {
    result_.outcomes.resize(plan_.requests.size());
  }

  EndpointResult run() {
    start_ns_ = now_ns();
    users_ = plan_.concurrency;
    for (;;) {
      const bool more = send_due();
      if (!more && open_ == 0) break;
      if (plan_.should_stop && plan_.should_stop()) {
        result_.stopped = true;
        drop_unfinished();
        break;
      }
      for (EndpointOutcome& outcome : client_.poll(wait_time(more))) take(std::move(outcome));
    }
    result_.outcomes.resize(next_);
    return std::move(result_);
  }

 private:
  bool closed() const { return plan_.concurrency > 0; }
  bool over() const { return plan_.duration_ns > 0 && now_ns() - start_ns_ > plan_.duration_ns; }
  std::uint64_t arrival_of_next() const { return start_ns_ + plan_.requests[next_].arrival_ns; }

  // Returns whether requests are left to send.
  bool send_due() {
    const std::size_t n = plan_.requests.size();
    if (closed()) {
      if (over()) return false;
      while (next_ < n && users_ > 0) {
        --users_;
        send(next_ < plan_.concurrency ? start_ns_ : now_ns());
      }
      return next_ < n;
    }
    while (next_ < n && arrival_of_next() <= now_ns() && open_ < plan_.max_open) {
      if (!was_full_) result_.send_lag_ns = std::max(result_.send_lag_ns, now_ns() - arrival_of_next());
      send(arrival_of_next());
    }
    was_full_ = open_ >= plan_.max_open;
    return next_ < n;
  }

  void send(std::uint64_t arrival_ns) {
    EndpointRequest request = std::move(plan_.requests[next_]);
    request.id = next_++;
    request.arrival_ns = arrival_ns;
    ++open_;
    client_.submit(request);
  }

  std::chrono::milliseconds wait_time(bool more) const {
    if (!more || closed() || was_full_) return std::chrono::milliseconds(kLongestWaitMs);
    const std::uint64_t now = now_ns();
    const std::uint64_t due = arrival_of_next();
    // Rounded down: the last millisecond is spent in short turns, so that the request is not late.
    return std::chrono::milliseconds(
        due <= now ? 0 : std::min<std::int64_t>(kLongestWaitMs, static_cast<std::int64_t>((due - now) / kNsPerMs)));
  }

  void take(EndpointOutcome outcome) {
    --open_;
    ++users_;
    result_.lag_ns = std::max(result_.lag_ns, outcome.lag_ns);
    const auto place = static_cast<std::size_t>(outcome.request.id);
    finished_.resize(plan_.requests.size());
    finished_[place] = true;
    if (plan_.ended) plan_.ended(outcome);
    result_.outcomes[place] = std::move(outcome);
  }

  void drop_unfinished() {
    finished_.resize(plan_.requests.size());
    for (std::size_t place = 0; place < next_; ++place) {
      if (finished_[place]) continue;
      RequestOutcome& request = result_.outcomes[place].request;
      request.id = place;
      request.reason = FinishReason::kCancelled;
      request.end_ns = now_ns();
    }
  }

  EndpointPlan plan_;
  RequestClient& client_;
  EndpointResult result_;
  std::vector<bool> finished_;
  std::uint64_t start_ns_ = 0;
  std::size_t next_ = 0;  ///< the next request to send
  std::size_t open_ = 0;
  std::size_t users_ = 0;  ///< closed loop: users who have no request
  bool was_full_ = false;
};

}  // namespace

EndpointResult run_endpoint_load(EndpointPlan plan, RequestClient& client) {
  return EndpointLoad(std::move(plan), client).run();
}

}  // namespace inferbench
