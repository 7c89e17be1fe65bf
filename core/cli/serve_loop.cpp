// SPDX-License-Identifier: Apache-2.0
// Three parties: the forked process that holds the backend and schedules, a thread that keeps it busy, and this thread,
// which does all of HTTP and text.
#include "cli/serve_loop.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <thread>

#include "http/api_service.hpp"
#include "http/generation_worker.hpp"
#include "http/http_server.hpp"
#include "http/listen_socket.hpp"
#include "measure/affinity.hpp"
#include "measure/clock.hpp"
#include "plugin/backend_child.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"
#include "support/print.hpp"
#include "worker/session_engine.hpp"

namespace inferbench {

namespace {

using namespace std::chrono_literals;
using ServeClock = std::chrono::steady_clock;

constexpr std::int32_t kMostContext = 4096;  // unless --context says otherwise: every slot reserves it
constexpr std::uint64_t kStuckNs = 60'000'000'000;
constexpr auto kTick = 250ms;
constexpr auto kGoodbye = 3s;  // for answers that are being sent when the server ends
constexpr std::string_view kLoadOrder = "load";

// ---- the backend's process ----

/// Runs in the child.
class ServeChild {
 public:
  ServeChild(const FoundBackend& found, const BackendArguments& settings, const Model& model,
             const SchedulerOptions& options, HostCallbacks callbacks)
      : affinity_(settings.threads),
        model_(load_backend(found, settings, model.weights(), std::move(callbacks))),
        engine_(BackendSession(model_, options.max_batch, options.max_tokens, options.token_budget),
                model.config().vocab_size),
        worker_(options, engine_) {}

  std::string answer(std::string_view request) {
    return request == kLoadOrder ? std::string(model_.info().kernels) : worker_.step(request);
  }

 private:
  ScopedAffinity affinity_;
  BackendModel model_;
  SessionEngine engine_;
  GenerationWorker worker_;
};

// ---- signals and wake-ups ----

/// SIGTERM and SIGINT as a descriptor, for this thread and those that it starts from now on.
class SignalQueue {
 public:
  SignalQueue() {
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    pthread_sigmask(SIG_BLOCK, &wanted, &before_);
    fd_ = OwnedFd(signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  ~SignalQueue() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalQueue(const SignalQueue&) = delete;
  SignalQueue& operator=(const SignalQueue&) = delete;

  int fd() const { return fd_.get(); }
  bool take() const {
    signalfd_siginfo info{};
    return read(fd_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info));
  }

 private:
  sigset_t before_{};
  OwnedFd fd_;
};

/// Wakes a poll() of another thread.
class WakeUp {
 public:
  WakeUp() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  int fd() const { return fd_.get(); }
  void wake() const { static_cast<void>(eventfd_write(fd_.get(), 1)); }
  void clear() const {
    eventfd_t count = 0;
    static_cast<void>(eventfd_read(fd_.get(), &count));
  }

 private:
  OwnedFd fd_;
};

// ---- the server's thread ----

class ServeLoop {
 public:
  ServeLoop(const ServeArguments& arguments, const FoundBackend& found, const ServedModel& model,
            GenerationDriver& driver, HttpServer& server, const WakeUp& wake, const SignalQueue& signals)
      : arguments_(arguments),
        driver_(driver),
        server_(server),
        wake_(wake),
        signals_(signals),
        service_(model, options_of(arguments, found), driver, server) {}

  ApiService& service() { return service_; }

  void run() {
    while (!draining_ || service_.open() > 0 || server_.exchanges() > 0) {
      turn();
      if (driver_.failure()) return fail();
      if (signals_.take() && !begin_drain()) return;
      if (draining_ && ServeClock::now() > drain_end_) {
        print_message("inferbench: giving up {} after --drain {} s\n", counted(service_.open(), "request"),
                      arguments_.drain_s);
        return say_goodbye("the server is shutting down");
      }
    }
  }

 private:
  static ServiceOptions options_of(const ServeArguments& arguments, const FoundBackend& found) {
    ServiceOptions options;
    options.slots = static_cast<std::size_t>(arguments.max_batch);
    options.queue = static_cast<std::size_t>(arguments.queue);
    options.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(arguments.timeout_s * 1e3));
    if (const char* key = std::getenv("INFERBENCH_API_KEY"); key != nullptr) options.api_key = key;
    options.backend = found.name();
    options.seed = (std::uint64_t{std::random_device{}()} << 32U) ^ std::random_device{}();
    return options;
  }

  void turn() {
    server_.wait(std::array{wake_.fd(), signals_.fd()}, kTick);
    wake_.clear();
    service_.take(driver_.take_events());
    service_.check_time(now_ns());
    service_.set_connections(server_.connections());
    service_.set_problem(driver_.busy_ns() > kStuckNs ? "the backend has not finished its present step for a minute"
                                                      : std::string());
  }

  // Returns false if it is the second signal.
  bool begin_drain() {
    if (draining_) return false;
    draining_ = true;
    drain_end_ = ServeClock::now() + std::chrono::milliseconds(static_cast<std::int64_t>(arguments_.drain_s * 1e3));
    if (service_.open() > 0) print_message("inferbench: finishing {}\n", counted(service_.open(), "request"));
    service_.refuse_new("the server is shutting down");
    server_.stop_accepting();
    return true;
  }

  void fail() {
    service_.take(driver_.take_events());
    try {
      std::rethrow_exception(driver_.failure());
    } catch (const std::exception& error) {
      say_goodbye(one_line(error.what()));
      throw;
    }
  }

  void say_goodbye(const std::string& reason) {
    service_.refuse_new(reason);
    service_.fail_all(ApiError(503, reason));
    server_.stop_accepting();
    const auto end = ServeClock::now() + kGoodbye;
    while (server_.exchanges() > 0 && ServeClock::now() < end) server_.wait({}, 50ms);
  }

  const ServeArguments& arguments_;
  GenerationDriver& driver_;
  HttpServer& server_;
  const WakeUp& wake_;
  const SignalQueue& signals_;
  ApiService service_;
  bool draining_ = false;
  ServeClock::time_point drain_end_;
};

// ---- start and end ----

std::int32_t context_of(const ServeArguments& arguments, const ModelConfig& config) {
  const std::int32_t context = arguments.context.value_or(std::min(config.max_positions, kMostContext));
  if (context <= config.max_positions) return context;
  throw Error(fmt::format("--context {} exceeds the model's {}", context, counted(config.max_positions, "position")),
              fmt::format("give {} or fewer", config.max_positions));
}

SchedulerOptions scheduler_options(const ServeArguments& arguments, const ModelConfig& config) {
  if (arguments.token_budget < arguments.max_batch) {
    throw Error(fmt::format("--token-budget {} is below --max-batch {}", arguments.token_budget, arguments.max_batch),
                "every running request needs one token of each step: raise the budget");
  }
  SchedulerOptions options;
  options.max_batch = arguments.max_batch;
  options.token_budget = arguments.token_budget;
  options.policy = schedule_policy_from(arguments.policy).value_or(SchedulePolicy::kChunked);
  options.max_tokens = context_of(arguments, config);
  return options;
}

std::string served_name(const ServeArguments& arguments) {
  if (!arguments.name.empty()) return arguments.name;
  std::filesystem::path path(arguments.model);
  if (!path.has_filename()) path = path.parent_path();
  return path.filename().string();
}

void say_ready(const ServeArguments& arguments, const FoundBackend& found, const ServedModel& model,
               const std::string& kernels, std::uint16_t port) {
  if (!model.no_chat().empty()) print_message("inferbench: no chats: {}\n", model.no_chat());
  const char* key = std::getenv("INFERBENCH_API_KEY");
  if ((key == nullptr || *key == '\0') && is_reachable_from_outside(arguments.host)) {
    print_message("inferbench: warning: anyone who reaches {} can use this server; set INFERBENCH_API_KEY\n",
                  arguments.host);
  }
  const bool is_ipv6 = arguments.host.find(':') != std::string::npos;
  print_message("inferbench: {} on {} ({}), {} of {}: http://{}:{}/v1\n", model.name(), found.name(), kernels,
                counted(arguments.max_batch, "slot"), counted(model.context(), "token"),
                is_ipv6 ? "[" + arguments.host + "]" : arguments.host, port);
}

// A call of the backend can't be interrupted, and the process must not hang for it. The child dies with this process.
void leave_if_stuck(const GenerationDriver& driver) {
  const auto end = ServeClock::now() + kGoodbye;
  while (driver.busy_ns() > 0 && ServeClock::now() < end) std::this_thread::sleep_for(10ms);
  if (driver.busy_ns() < static_cast<std::uint64_t>(std::chrono::nanoseconds(kGoodbye).count())) return;
  print_message("inferbench: error: the backend does not end its present step; its process was killed\n");
  _exit(static_cast<int>(ExitCode::kTrialsFailed));
}

}  // namespace

void serve(const ServeArguments& arguments) {
  const FoundBackend found = find_backend(arguments.backend, arguments.settings);
  const Model model = Model::open(arguments.model);
  const SchedulerOptions options = scheduler_options(arguments, model.config());
  const ServedModel served(model, served_name(arguments), options.max_tokens);

  // Before the model is loaded, so that a port that is taken is reported at once. Clients wait in the kernel's queue.
  ApiService* service = nullptr;
  HttpLimits limits;
  limits.max_body_bytes = kMaxBodyBytes;
  HttpServer server(arguments.host, arguments.port, limits,
                    {[&](const HttpRequest& request) { service->handle(request); },
                     [&](ExchangeId id) { service->client_gone(id); }});

  BackendChild child(
      [&]() -> BackendChild::Serve {
        const auto inside =
            std::make_shared<ServeChild>(found, arguments.settings, model, options, terminal_callbacks());
        return [inside](std::string_view request) { return inside->answer(request); };
      },
      "backend " + found.name());
  const std::string kernels = child.call(kLoadOrder, "load");
  {
    const SignalQueue signals;
    const WakeUp wake;
    GenerationDriver driver([&](std::string_view orders) { return child.call(orders, "forward"); },
                            [&] { wake.wake(); });
    ServeLoop loop(arguments, found, served, driver, server, wake, signals);
    service = &loop.service();
    say_ready(arguments, found, served, kernels, server.port());
    loop.run();
    leave_if_stuck(driver);
  }
  if (const std::string wrong = child.finish(); !wrong.empty()) print_message("inferbench: warning: {}\n", wrong);
}

}  // namespace inferbench
