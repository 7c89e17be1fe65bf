// SPDX-License-Identifier: Apache-2.0
// A backend that goes wrong as its options say: what the host must survive. Its "model" emits sums of token ids.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <ctime>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "inferbench/backend.hpp"

namespace {

struct Context {
  explicit Context(const ib_init_params& params) : host(params.host) {}

  const ib_host* host;
  std::string shutdown_fault;
};

struct Model {
  Model(Context& owner, const ib_model_params& params) : context(owner), vocab(params.desc->vocab) {
    const inferbench::OptionReader options(params);
    fault = options.text("fault");
    at = options.text("at");
    from = options.integer("from");
    spin_us = options.integer("spin_us");
    if (at == "shutdown") context.shutdown_fault = fault;
  }
  const ib_model_info& info() const { return info_; }

  Context& context;
  std::string fault;
  std::string at;
  std::int64_t from = 0;
  std::int64_t spin_us = 0;
  std::int32_t vocab;
  std::vector<std::vector<char>> hoard;

 private:
  ib_model_info info_{sizeof(ib_model_info), 1000, 1000, "cpu", "faulty"};
};

void sleep_ms(long ms) {
  const timespec time{ms / 1000, ms % 1000 * 1'000'000};
  nanosleep(&time, nullptr);
}

ib_status fail(ib_error* error, ib_status status, const char* text) {
  snprintf(error->message, sizeof(error->message), "%s", text);
  return status;
}

// Touches memory until it is refused, or 4 GiB are reached.
ib_status eat_memory(ib_error* error) {
  constexpr std::size_t kPiece = std::size_t{16} << 20U;
  // NOLINTBEGIN(clang-analyzer-unix.Malloc): what it took it keeps
  for (int i = 0; i < 256; ++i) {
    auto* piece = static_cast<char*>(malloc(kPiece));
    if (piece == nullptr) return fail(error, IB_OUT_OF_MEMORY, "malloc refused 16 MiB");
    memset(piece, i, kPiece);
  }
  // NOLINTEND(clang-analyzer-unix.Malloc)
  return fail(error, IB_INTERNAL, "nothing limited this process");
}

void flood_stderr() {
  const std::string line(200, 'e');
  for (int i = 0; i < 20'000; ++i) fprintf(stderr, "%s %d\n", line.c_str(), i);
  fprintf(stderr, "the last line before the end\n");
  fflush(stderr);
}

void write_frame_noise() {
  // Whatever descriptors the host gave this process, it must stand noise on them.
  const std::string noise(64, '\xff');
  for (int fd = 3; fd < 16; ++fd) {
    if (write(fd, noise.data(), noise.size()) < 0) continue;
  }
}

// A child stops this process and lets it go on: whatever the host measures has this gap in it.
void stop_for_half_a_second() {
  const pid_t self = getpid();
  const pid_t child = fork();
  if (child == 0) {
    kill(self, SIGSTOP);
    sleep_ms(500);
    kill(self, SIGCONT);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
}

// As a library would that starts a server: nobody's child, in a session of its own.
void start_daemon() {
  const pid_t child = fork();
  if (child == 0) {
    setsid();
    if (fork() == 0) {
      execl("/bin/sleep", "sleep", "1000", static_cast<char*>(nullptr));
      _exit(1);
    }
    _exit(0);
  }
  waitpid(child, nullptr, 0);
}

// Without a look at what malloc returns.
void use_memory_blindly() {
  // NOLINTBEGIN(clang-analyzer-unix.Malloc,clang-analyzer-core.NonNullParamChecker)
  for (int i = 0; i < 4096; ++i) memset(malloc(std::size_t{16} << 20U), i, std::size_t{16} << 20U);
  // NOLINTEND(clang-analyzer-unix.Malloc,clang-analyzer-core.NonNullParamChecker)
}

ib_status misbehave(const Model& model, ib_error* error) {
  const std::string& fault = model.fault;
  if (fault == "oom") return fail(error, IB_OUT_OF_MEMORY, "so it was ordered");
  if (fault == "unsupported") return fail(error, IB_UNSUPPORTED, "not on this machine");
  if (fault == "internal") return fail(error, IB_INTERNAL, "a defect");
  if (fault == "segv") raise(SIGSEGV);
  if (fault == "abort") abort();
  if (fault == "exit") exit(0);
  if (fault == "throw") throw std::runtime_error("an exception across the border");
  if (fault == "hang") {
    while (true) sleep_ms(1000);
  }
  if (fault == "polite_hang") {
    while (model.context.host->is_cancelled(model.context.host->user) == 0) sleep_ms(1);
    return fail(error, IB_CANCELLED, "cancelled");
  }
  if (fault == "stdout") {
    printf("noise on stdout\n");
    fflush(stdout);
  }
  if (fault == "stderr_flood") {
    flood_stderr();
    abort();
  }
  if (fault == "eat_memory") return eat_memory(error);
  if (fault == "blind_memory") use_memory_blindly();
  if (fault == "daemon") start_daemon();
  if (fault == "frame_noise") write_frame_noise();
  if (fault == "silent") return IB_INTERNAL;
  if (fault == "odd_status") return 42;
  if (fault == "cancelled") return fail(error, IB_CANCELLED, "I felt like it");
  if (fault == "sleep") sleep_ms(40);
  if (fault == "stop") stop_for_half_a_second();
  return IB_OK;
}

// What a function does that takes something down, and has no status to return.
void end_badly(const std::string& fault) {
  if (fault == "segv") raise(SIGSEGV);
  if (fault == "abort") abort();
  if (fault == "exit") exit(0);
  if (fault == "throw") throw std::runtime_error("an exception at the end");
  while (fault == "hang") sleep_ms(1000);
}

// The wrong logit of a fault; the right one where it has none.
float logit_of(const std::string& fault, float right) {
  if (fault == "nan") return std::numeric_limits<float>::quiet_NaN();
  if (fault == "infinite") return HUGE_VALF;
  return right;
}

void write_logits(const Model& model, bool bad, float* logits, std::int32_t id) {
  for (std::int32_t token = 0; token < model.vocab; ++token) {
    const bool wrong = bad && token == 17;
    if (wrong && model.fault == "unwritten_logit") continue;
    const float right = token == id ? 1.0F : 0.0F;
    logits[token] = wrong ? logit_of(model.fault, right) : right;
  }
}

void spin(std::int64_t microseconds) {
  timespec begin{};
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &begin);
  do {
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((now.tv_sec - begin.tv_sec) * 1'000'000 + (now.tv_nsec - begin.tv_nsec) / 1000 < microseconds);
}

class Session {
 public:
  Session(Model& model, const ib_session_params& params)
      : model_(model), sums_(static_cast<std::size_t>(params.n_slots)) {
    // A cache of sessions that were: a MiB a position, kept by the model.
    const std::size_t kept = model.fault == "hoard" ? static_cast<std::size_t>(params.max_tokens) << 20U : 0;
    if (kept > 0) model.hoard.emplace_back(kept, 'h');
  }
  const ib_session_info& info() const { return info_; }
  const Model& model() const { return model_; }

  /// Counts the call, and says whether it is one that goes wrong.
  bool begin_forward(const ib_forward_params& params) {
    if (params.output == IB_OUTPUT_GREEDY) ++forwards_;  // the host asks for logits, too, when it likes
    bad_ = model_.at == "forward" && (model_.from == 0 || forwards_ > model_.from);
    return bad_;
  }

  void forward(const ib_forward_params& params) {
    float* logits = params.logits;
    for (std::int32_t i = 0; i < params.n_sequences; ++i) {
      const ib_sequence& sequence = params.sequences[i];
      std::int64_t& sum = sums_[static_cast<std::size_t>(sequence.slot)];
      std::int32_t id = 0;
      for (std::int32_t j = 0; j < sequence.n_tokens; ++j) {
        inferbench::require(sequence.tokens[j] >= 0 && sequence.tokens[j] < model_.vocab, "was fed with a wrong id");
        sum += sequence.tokens[j] + 1;
        id = static_cast<std::int32_t>(sum % model_.vocab);
        const bool last = j + 1 == sequence.n_tokens;
        if (params.output == IB_OUTPUT_ALL_LOGITS || (params.output == IB_OUTPUT_LAST_LOGITS && last)) {
          write_logits(model_, bad_, logits, id);
          logits += model_.vocab;
        }
      }
      if (params.output == IB_OUTPUT_GREEDY) write_id(params.ids[i], id);
    }
    spin(model_.spin_us);
  }

  void truncate(std::int32_t slot, std::int32_t) { sums_[static_cast<std::size_t>(slot)] = 0; }

 private:
  void write_id(std::int32_t& to, std::int32_t id) const {
    if (bad_ && model_.fault == "no_id") return;
    to = id;
    if (bad_ && model_.fault == "wrong_id") to = model_.vocab;
    if (bad_ && model_.fault == "negative_id") to = -7;
  }

  Model& model_;
  std::vector<std::int64_t> sums_;
  std::int64_t forwards_ = 0;
  bool bad_ = false;
  ib_session_info info_{sizeof(ib_session_info), 2000, 3000, 6000, 0};
};

// ---- the functions that go wrong: unlike those of backend.hpp, they let exceptions out ----

using Functions = inferbench::BackendFunctions<Context, Model, Session>;

void shutdown(ib_context* context) {
  end_badly(Functions::object(context)->shutdown_fault);
  Functions::shutdown(context);
}

ib_status model_create(ib_context* context, const ib_model_params* params, ib_model** model, ib_error* error) {
  const ib_status made = Functions::model_create(context, params, model, error);
  if (made != IB_OK || Functions::object(*model)->at != "load") return made;
  const ib_status status = misbehave(*Functions::object(*model), error);
  if (status != IB_OK) Functions::model_destroy(std::exchange(*model, nullptr));
  return status;
}

void model_destroy(ib_model* model) {
  if (Functions::object(model)->at == "model_destroy") end_badly(Functions::object(model)->fault);
  Functions::model_destroy(model);
}

ib_status session_create(ib_model* model, const ib_session_params* params, ib_session** session, ib_error* error) {
  const Model& of = *Functions::object(model);
  const ib_status status = of.at == "session" ? misbehave(of, error) : IB_OK;
  return status == IB_OK ? Functions::session_create(model, params, session, error) : status;
}

void session_destroy(ib_session* session) {
  const Model& model = Functions::object(session)->model();
  if (model.at == "session_destroy") end_badly(model.fault);
  Functions::session_destroy(session);
}

ib_status forward(ib_session* session, const ib_forward_params* params, ib_error* error) {
  Session& of = *Functions::object(session);
  const ib_status status = of.begin_forward(*params) ? misbehave(of.model(), error) : IB_OK;
  return status == IB_OK ? Functions::forward(session, params, error) : status;
}

constexpr ib_precision_info kPrecisions[] = {{"fp32", "none of it is true"}};

constexpr const char* kFaults[] = {
    "none",   "oom",   "unsupported",  "internal", "wrong_id",    "negative_id", "no_id",        "segv",
    "abort",  "exit",  "hang",         "throw",    "polite_hang", "stdout",      "stderr_flood", "eat_memory",
    "silent", "nan",   "infinite",     "sleep",    "frame_noise", "cancelled",   "odd_status",   "unwritten_logit",
    "stop",   "hoard", "blind_memory", "daemon",   nullptr};
constexpr const char* kPlaces[] = {"forward",       "session",         "load", "shutdown",
                                   "model_destroy", "session_destroy", nullptr};

constexpr ib_option_info kOptions[] = {
    {"fault", IB_OPTION_CHOICE, 0, "none", 0, 0, kFaults, "what goes wrong"},
    {"at", IB_OPTION_CHOICE, 0, "forward", 0, 0, kPlaces, "where"},
    {"from", IB_OPTION_INT, 0, "0", 0, 1e9, nullptr, "good forwards of a session before it"},
    {"spin_us", IB_OPTION_INT, 0, "0", 0, 1e7, nullptr, "microseconds that a forward takes"}};

constexpr ib_backend faulty_table() {
  ib_backend table = inferbench::make_table<Context, Model, Session>({
      .name = "faulty",
      .version = "1",
      .build = "test",
      .license = "Apache-2.0",
      .doc = "goes wrong as told",
      .precisions = kPrecisions,
      .options = kOptions,
  });
  table.shutdown = shutdown;
  table.model_create = model_create;
  table.model_destroy = model_destroy;
  table.session_create = session_create;
  table.session_destroy = session_destroy;
  table.forward = forward;
  return table;
}

}  // namespace

extern "C" IB_EXPORT constinit const ib_backend inferbench_backend_v1 = faulty_table();
