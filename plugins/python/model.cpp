// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <memory>

#include "description.hpp"
#include "process_memory.hpp"
#include "python_call.hpp"
#include "signal_handlers.hpp"
#include "view.hpp"

namespace inferbench::python {
namespace {

// How long shutdown waits for each of Python's threads. The host gives it five seconds in all.
constexpr double kSecondsPerThread = 1;

// settings of load(): what is not part of the model.
Ref settings_object(const ib_model_params& params, std::int32_t n_threads, const OptionReader& options) {
  const Ref fields = Ref::take(PyDict_New());
  set_item(fields, "precision", text_object(params.precision));
  set_item(fields, "threads", Ref::take(PyLong_FromLong(n_threads)));
  set_item(fields, "folder", params.folder == nullptr ? Ref::borrow(Py_None) : text_object(params.folder));
  const Ref args = text_object(std::string(options.text("args")).c_str());
  set_item(fields, "args", Ref::take(PyObject_CallOneArg(host_function("_parse_args").get(), args.get())));
  return namespace_object(fields);
}

// What a function of the module `inferbench` says of the backend, as text.
std::string described_by(const char* function, const Ref& backend) {
  const Ref text = Ref::take(PyObject_CallOneArg(host_function(function).get(), backend.get()));
  const char* const utf8 = PyUnicode_AsUTF8(text.get());
  if (utf8 == nullptr) throw PythonRaised{};
  return utf8;
}

std::uint64_t growth_since(std::uint64_t before) {
  const std::uint64_t now = anonymous_bytes();
  return now > before ? now - before : 0;
}

}  // namespace

Context::Context(const ib_init_params& params) : host(params.host), n_threads(params.n_threads), python_bytes(0) {
  const SignalHandlers kept(nullptr);  // Python's own module `signal` sets one for SIGINT
  const std::uint64_t before = anonymous_bytes();
  start_python(n_threads, host);
  python_bytes = growth_since(before);
}

Context::~Context() {
  ib_error ignored;
  guard(&ignored, [this] {
    in_python(host, [this] {
      Ref::take(PyObject_CallNoArgs(host_function("_collect").get()));
      const Ref seconds = Ref::take(PyFloat_FromDouble(kSecondsPerThread));
      const Ref names = Ref::take(PyObject_CallOneArg(host_function("_running_threads").get(), seconds.get()));
      for (Py_ssize_t i = 0; i < PyList_Size(names.get()); ++i) {
        const char* const name = PyUnicode_AsUTF8(PyList_GetItem(names.get(), i));
        if (name == nullptr) throw PythonRaised{};
        host.log(IB_LOG_WARNING, std::string("python: the thread '") + name + "' of the module still runs");
      }
    });
  });
}

Model::Model(Context& the_context, const ib_model_params& params)
    : context(the_context), max_positions(params.desc->max_positions), vocab_size(params.desc->vocab_size) {
  check_codes(*params.desc);
  const SignalHandlers kept(&context.host);
  in_python(context.host, [&] { load(params); });
}

void Model::load(const ib_model_params& params) {
  const OptionReader options(params);
  const Ref needs = needed_features(*params.desc);
  const Ref module = text_object(std::string(options.text("module")).c_str());
  const Ref precision = text_object(params.precision);
  const std::uint64_t before = anonymous_bytes();
  Ref made = Ref::take(PyObject_CallFunctionObjArgs(host_function("_new_backend").get(), module.get(), precision.get(),
                                                    needs.get(), nullptr));
  context.python_bytes += growth_since(before);
  const LeaseScope lease;
  {
    const Ref description = description_object(*params.desc);
    const Ref tensors = tensors_object(*params.desc, lease.get());
    const Ref settings = settings_object(params, context.n_threads, options);
    const Ref name = text_object("load");
    Ref::take(
        PyObject_CallMethodObjArgs(made.get(), name.get(), description.get(), tensors.get(), settings.get(), nullptr));
  }
  check_unused(*lease.get(), "the weights after load; copy what it needs");
  backend = std::move(made);
  describe();
}

void Model::describe() {
  info_.struct_size = sizeof info_;
  info_.weights_bytes = bytes_attribute(backend, "weights_bytes", "Backend, after load,");
  info_.decode_weights_bytes = bytes_attribute(backend, "decode_weights_bytes", "Backend, after load,");
  device_ = described_by("_device_of", backend);
  kernels_ = described_by("_kernels_of", backend);
  info_.device = device_.c_str();
  info_.kernels = kernels_.c_str();
}

Model::~Model() {
  ib_error ignored;
  guard(&ignored, [this] {
    in_python(context.host, [this] {
      const Ref nothing = Ref::take(PyTuple_New(0));
      call_if_there(backend, "unload", nothing);
    });
  });
  const Gil gil;
  backend.reset();
}

void check_unused(const Lease& lease, const char* what) {
  if (lease.n_users == 0) return;
  Ref::take(PyObject_CallNoArgs(host_function("_collect").get()));
  if (lease.n_users == 0) return;
  throw Failure(IB_INTERNAL, "the module keeps " + std::to_string(lease.n_users.load()) + " views of " + what);
}

std::uint64_t bytes_attribute(const Ref& object, const char* name, const char* what) {
  const Ref key = text_object(name);
  const Ref whose = text_object(what);
  const Ref bytes = Ref::take(
      PyObject_CallFunctionObjArgs(host_function("_bytes_of").get(), object.get(), key.get(), whose.get(), nullptr));
  const unsigned long long value = PyLong_AsUnsignedLongLong(bytes.get());
  if (PyErr_Occurred() != nullptr) throw PythonRaised{};
  return value;
}

void call_if_there(const Ref& object, const char* method, const Ref& arguments) {
  if (PyObject_HasAttrString(object.get(), method) == 0) return;
  const Ref function = Ref::take(PyObject_GetAttrString(object.get(), method));
  Ref::take(PyObject_Call(function.get(), arguments.get(), nullptr));
}

}  // namespace inferbench::python
