// SPDX-License-Identifier: Apache-2.0
//
// A backend that traces where its code runs and misbehaves when its process ends. The environment selects how, because
// the library is also loaded in places that no option reaches:
//   HOSTILE_TRACE  a file; each place that runs is appended as "PLACE PID" (forward: once per process)
//   HOSTILE_END    what its static destructor and its exit handler do: exit, abort or hang
//   HOSTILE_SHUTDOWN  what shutdown does: segv or hang
// The option `fault` selects what forward does: segv, exit, print, close; or load_segv, which happens in model_create.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "toy_backend.hpp"

namespace ending {

inline std::string_view setting(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

inline void trace(const char* place) {
  const std::string path(setting("HOSTILE_TRACE"));
  if (path.empty()) return;
  const int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  const std::string line = std::string(place) + " " + std::to_string(getpid()) + "\n";
  if (write(fd, line.data(), line.size()) < 0) abort();
  close(fd);
}

inline void hang() {
  for (;;) pause();
}

inline void end(const char* place) {
  trace(place);
  const std::string_view how = setting("HOSTILE_END");
  if (how == "exit") _exit(0);
  if (how == "abort") abort();
  if (how == "hang") hang();
}

struct Library {
  Library() {
    trace("constructor");
    if (atexit([] { end("exit_handler"); }) != 0) abort();
  }
  ~Library() { end("destructor"); }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
};
inline const Library library;

struct Context : toy::Context {
  explicit Context(const ib_init_params& params) : toy::Context(params) { trace("init"); }
  ~Context() {
    trace("shutdown");
    if (setting("HOSTILE_SHUTDOWN") == "segv") raise(SIGSEGV);
    if (setting("HOSTILE_SHUTDOWN") == "hang") hang();
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
};

struct Model : toy::Model {
  Model(Context& context, const ib_model_params& params) : toy::Model(context, params) {
    if (fault == "load_segv") raise(SIGSEGV);
  }
};

class Session : public toy::Session {
 public:
  using toy::Session::Session;

  void forward(const ib_forward_params& params) {
    static const bool traced = (trace("forward"), true);  // once, because ipc makes a hundred thousand calls
    static_cast<void>(traced);
    const std::string& fault = model().fault;
    if (fault == "segv") {
      fputs("the last words\n", stderr);
      raise(SIGSEGV);
    }
    if (fault == "exit") _exit(0);
    if (fault == "print" && puts("noise on stdout") > 0) fflush(stdout);
    if (fault == "close") {
      for (int fd = 0; fd < 64; ++fd) close(fd);
    }
    toy::Session::forward(params);
  }
};

constexpr ib_backend make_table(const char* name) {
  return toy::make_table<Context, Model, Session>(name, "goes wrong where its process ends");
}

}  // namespace ending
