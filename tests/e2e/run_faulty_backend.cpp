// SPDX-License-Identifier: Apache-2.0
// A backend that goes wrong as its options say: what the host must survive. Its "model" emits sums of token ids.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <ctime>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "inferbench/backend.h"

struct ib_context {
  const ib_host* host = nullptr;
};

struct ib_model {
  ib_context* context = nullptr;
  ib_model_info info{};
  std::string fault;
  std::string at;
  std::int64_t from = 0;
  std::int64_t spin_us = 0;
  std::int32_t vocab = 0;
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
  if (fault == "frame_noise") write_frame_noise();
  return IB_OK;
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
  made->info = {sizeof(ib_session_info), 2000, 3000, 6000, 0};
  made->sums.resize(static_cast<std::size_t>(params->n_slots));
  made->held.resize(static_cast<std::size_t>(params->n_slots));
  *session = made;
  return IB_OK;
}

void session_destroy(ib_session* session) {
  delete session;
}

const ib_session_info* session_info(const ib_session* session) {
  return &session->info;
}

ib_status forward(ib_session* session, const ib_forward_params* params, ib_error* error) {
  const ib_model& model = *session->model;
  const bool bad = model.at == "forward" && ++session->forwards > model.from;
  if (bad) {
    const ib_status status = misbehave(model, error);
    if (status != IB_OK) return status;
  }
  for (std::int32_t i = 0; i < params->n_sequences; ++i) {
    const ib_sequence& sequence = params->sequences[i];
    const auto slot = static_cast<std::size_t>(sequence.slot);
    for (std::int32_t j = 0; j < sequence.n_tokens; ++j) session->sums[slot] += sequence.tokens[j] + 1;
    session->held[slot] += sequence.n_tokens;
    const auto id = static_cast<std::int32_t>(session->sums[slot] % model.vocab);
    if (params->output == IB_OUTPUT_GREEDY) params->ids[i] = bad && model.fault == "wrong_id" ? model.vocab : id;
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

const char* const kFaults[] = {"none",         "oom",        "unsupported", "internal",    "wrong_id", "segv",
                               "abort",        "exit",       "hang",        "polite_hang", "throw",    "stdout",
                               "stderr_flood", "eat_memory", "frame_noise", nullptr};
const char* const kPlaces[] = {"forward", "session", "load", nullptr};

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
