// SPDX-License-Identifier: Apache-2.0
// Goes wrong where it is taken down: in session_destroy, model_destroy or shutdown, none of which has a status.
#include <signal.h>

#include <stdexcept>

#include "faulty_backend.hpp"

namespace {

struct BadEnd : faulty::NoFault {
  static constexpr const char* kFaults[] = {"none", "segv", "abort", "exit", "throw", "hang", nullptr};
};

using Functions = faulty::Calls<BadEnd>::Functions;

void end_badly(const std::string& fault) {
  if (fault == "segv") raise(SIGSEGV);
  if (fault == "abort") abort();
  if (fault == "exit") exit(0);
  if (fault == "throw") throw std::runtime_error("an exception at the end");
  while (fault == "hang") faulty::sleep_ms(1000);
}

ib_status model_create(ib_context* context, const ib_model_params* params, ib_model** model, ib_error* error) {
  const ib_status status = Functions::model_create(context, params, model, error);
  if (status == IB_OK && Functions::object(*model)->at == "shutdown") {
    Functions::object(context)->end = Functions::object(*model)->fault;
  }
  return status;
}

void shutdown(ib_context* context) {
  end_badly(Functions::object(context)->end);
  Functions::shutdown(context);
}

void model_destroy(ib_model* model) {
  if (Functions::object(model)->at == "model_destroy") end_badly(Functions::object(model)->fault);
  Functions::model_destroy(model);
}

void session_destroy(ib_session* session) {
  const faulty::Model& model = Functions::object(session)->model();
  if (model.at == "session_destroy") end_badly(model.fault);
  Functions::session_destroy(session);
}

constexpr ib_backend table() {
  ib_backend made = faulty::make_table<BadEnd>("bad_end");
  made.model_create = model_create;
  made.shutdown = shutdown;
  made.model_destroy = model_destroy;
  made.session_destroy = session_destroy;
  return made;
}

}  // namespace

FAULTY_BACKEND(table())
