// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "inferbench/backend.hpp"
#include "python_ref.hpp"
#include "view.hpp"

namespace inferbench::python {

/// Starts Python. At its end, waits for the threads that the user's code has started.
class Context {
 public:
  explicit Context(const ib_init_params& params);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  HostCalls host;
  std::int32_t n_threads;
  std::uint64_t python_bytes;  ///< what the interpreter took of the process's memory, with the modules imported so far
};

/// An instance of the user's class Backend that has loaded a model. Throws Failure.
class Model {
 public:
  Model(Context& context, const ib_model_params& params);
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  const ib_model_info& info() const { return info_; }
  bool is_on_cpu() const { return device_ == "cpu"; }

  Context& context;
  Ref backend;  ///< the instance
  std::int32_t max_positions;
  std::int32_t vocab_size;

 private:
  void load(const ib_model_params& params);
  void describe();

  std::string device_;
  std::string kernels_;
  ib_model_info info_{};
};

/// Throws Failure(IB_INTERNAL) if the lease still has users once Python has collected its garbage: their pointers would
/// point to nothing. `what` names the memory. Needs the GIL.
void check_unused(const Lease& lease, const char* what);

/// A byte count that the user's object has as an attribute. Needs the GIL.
std::uint64_t bytes_attribute(const Ref& object, const char* name, const char* what);

/// An optional method: calls it with the arguments, or does nothing. Needs the GIL.
void call_if_there(const Ref& object, const char* method, const Ref& arguments);

}  // namespace inferbench::python
