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
#include <vector>

#include "inferbench/backend.h"

struct ib_context {
  const ib_host* host = nullptr;
  std::string shutdown_fault{};
};

struct ib_model {
  ib_context* context = nullptr;
  ib_model_info info{};
  std::string fault;
  std::string at;
  std::int64_t from = 0;
  std::int64_t spin_us = 0;
  std::int32_t vocab = 0;
  std::vector<std::vector<char>> hoard;
};

struct ib_session {
  ib_model* model = nullptr;
  ib_session_info info{};
  std::vector<std::int64_t> sums;
  std::vector<std::int32_t> held;
  std::int64_t forwards = 0;
};

namespace {

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

ib_status misbehave(const ib_model& model, ib_error* error) {
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
    while (model.context->host->is_cancelled(model.context->host->user) == 0) sleep_ms(1);
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

void write_logits(const ib_model& model, bool bad, float* logits, std::int32_t id) {
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

ib_status init(const ib_init_params* params, ib_context** context, ib_error*) {
  *context = new ib_context{params->host};
  return IB_OK;
}

void shutdown(ib_context* context) {
  end_badly(context->shutdown_fault);
  delete context;
}

ib_status model_create(ib_context* context, const ib_model_params* params, ib_model** model, ib_error* error) {
  auto* made = new ib_model;
  made->context = context;
  made->vocab = params->desc->vocab;
  for (std::uint64_t i = 0; i < params->n_options; ++i) {
    const ib_option_value& option = params->options[i];
    if (strcmp(option.key, "fault") == 0) made->fault = option.text;
    if (strcmp(option.key, "at") == 0) made->at = option.text;
    if (strcmp(option.key, "from") == 0) made->from = option.integer;
    if (strcmp(option.key, "spin_us") == 0) made->spin_us = option.integer;
  }
  if (made->at == "shutdown") context->shutdown_fault = made->fault;
  const ib_status status = made->at == "load" ? misbehave(*made, error) : IB_OK;
  if (status != IB_OK) {
    delete made;
    return status;
  }
  made->info = {sizeof(ib_model_info), 1000, 1000, "cpu", "faulty"};
  *model = made;
  return IB_OK;
}

void model_destroy(ib_model* model) {
  if (model->at == "model_destroy") end_badly(model->fault);
  delete model;
}

const ib_model_info* model_info(const ib_model* model) {
  return &model->info;
}

ib_status session_create(ib_model* model, const ib_session_params* params, ib_session** session, ib_error* error) {
  const ib_status status = model->at == "session" ? misbehave(*model, error) : IB_OK;
  if (status != IB_OK) return status;
  auto* made = new ib_session;
  made->model = model;
  // A cache of sessions that were: a MiB a position, kept by the model.
  const std::size_t kept = model->fault == "hoard" ? static_cast<std::size_t>(params->max_tokens) << 20U : 0;
  if (kept > 0) model->hoard.emplace_back(kept, 'h');
  made->info = {sizeof(ib_session_info), 2000, 3000, 6000, 0};
  made->sums.resize(static_cast<std::size_t>(params->n_slots));
  made->held.resize(static_cast<std::size_t>(params->n_slots));
  *session = made;
  return IB_OK;
}

void session_destroy(ib_session* session) {
  if (session->model->at == "session_destroy") end_badly(session->model->fault);
  delete session;
}

const ib_session_info* session_info(const ib_session* session) {
  return &session->info;
}

ib_status forward(ib_session* session, const ib_forward_params* params, ib_error* error) {
  const ib_model& model = *session->model;
  if (params->output == IB_OUTPUT_GREEDY) ++session->forwards;  // the host asks for logits, too, when it likes
  const bool bad = model.at == "forward" && (model.from == 0 || session->forwards > model.from);
  if (bad) {
    const ib_status status = misbehave(model, error);
    if (status != IB_OK) return status;
  }
  float* logits = params->logits;
  for (std::int32_t i = 0; i < params->n_sequences; ++i) {
    const ib_sequence& sequence = params->sequences[i];
    const auto slot = static_cast<std::size_t>(sequence.slot);
    for (std::int32_t j = 0; j < sequence.n_tokens; ++j) {
      if (sequence.tokens[j] < 0 || sequence.tokens[j] >= model.vocab) {
        return fail(error, IB_INVALID_ARGUMENT, "was fed with a wrong id");
      }
      session->sums[slot] += sequence.tokens[j] + 1;
      const auto id = static_cast<std::int32_t>(session->sums[slot] % model.vocab);
      if (params->output == IB_OUTPUT_ALL_LOGITS) {
        write_logits(model, bad, logits, id);
        logits += model.vocab;
      }
    }
    session->held[slot] += sequence.n_tokens;
    const auto id = static_cast<std::int32_t>(session->sums[slot] % model.vocab);
    if (params->output == IB_OUTPUT_LAST_LOGITS) write_logits(model, bad, params->logits + i * model.vocab, id);
    if (params->output != IB_OUTPUT_GREEDY || (bad && model.fault == "no_id")) continue;
    params->ids[i] = id;
    if (bad && model.fault == "wrong_id") params->ids[i] = model.vocab;
    if (bad && model.fault == "negative_id") params->ids[i] = -7;
  }
  spin(model.spin_us);
  return IB_OK;
}

ib_status session_truncate(ib_session* session, std::int32_t slot, std::int32_t n_past, ib_error*) {
  session->held[static_cast<std::size_t>(slot)] = n_past;
  session->sums[static_cast<std::size_t>(slot)] = 0;
  return IB_OK;
}

const ib_precision_info kPrecisions[] = {{"fp32", "none of it is true"}};

const char* const kFaults[] = {"none",        "oom",    "unsupported",  "internal",   "wrong_id",   "negative_id",
                               "no_id",       "segv",   "abort",        "exit",       "hang",       "throw",
                               "polite_hang", "stdout", "stderr_flood", "eat_memory", "silent",     "nan",
                               "infinite",    "sleep",  "frame_noise",  "cancelled",  "odd_status", "unwritten_logit",
                               "stop",        "hoard",  "blind_memory", "daemon",     nullptr};
const char* const kPlaces[] = {"forward", "session", "load", "shutdown", "model_destroy", "session_destroy", nullptr};

const ib_option_info kOptions[] = {
    {"fault", IB_OPTION_CHOICE, 0, "none", 0, 0, kFaults, "what goes wrong"},
    {"at", IB_OPTION_CHOICE, 0, "forward", 0, 0, kPlaces, "where"},
    {"from", IB_OPTION_INT, 0, "0", 0, 1e9, nullptr, "good forwards of a session before it"},
    {"spin_us", IB_OPTION_INT, 0, "0", 0, 1e7, nullptr, "microseconds that a forward takes"}};

}  // namespace

extern "C" {
extern IB_EXPORT const ib_backend inferbench_backend_v1;
const ib_backend inferbench_backend_v1 = {IB_BACKEND_HEADER,
                                          "faulty",
                                          "1",
                                          "test",
                                          "Apache-2.0",
                                          "goes wrong as told",
                                          0,
                                          kPrecisions,
                                          1,
                                          kOptions,
                                          4,
                                          init,
                                          shutdown,
                                          model_create,
                                          model_destroy,
                                          model_info,
                                          session_create,
                                          session_destroy,
                                          session_info,
                                          forward,
                                          session_truncate,
                                          nullptr};
}
