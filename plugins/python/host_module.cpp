// SPDX-License-Identifier: Apache-2.0
#include "host_module.hpp"

#include <string>

#include "prelude_text.hpp"
#include "view.hpp"

namespace inferbench::python {
namespace {

constexpr const char* kModuleName = "inferbench";

thread_local const HostCalls* current_host = nullptr;

PyObject* host_dict = nullptr;  // of the module, which lives as long as the process

// Null, with an exception, in threads that are not inside a call.
const HostCalls* host_of_call() {
  if (current_host == nullptr) {
    PyErr_SetString(PyExc_RuntimeError, "only the thread that the host called may talk to the host");
  }
  return current_host;
}

PyObject* poll_host(PyObject*, PyObject*) {
  const HostCalls* host = host_of_call();
  if (host == nullptr) return nullptr;
  if (host->is_cancelled()) {
    PyErr_SetNone(PyDict_GetItemString(host_dict, "Cancelled"));
    return nullptr;
  }
  Py_RETURN_NONE;
}

PyObject* report_progress(PyObject*, PyObject* fraction) {
  const HostCalls* host = host_of_call();
  if (host == nullptr) return nullptr;
  const double value = PyFloat_AsDouble(fraction);
  if (value == -1 && PyErr_Occurred() != nullptr) return nullptr;
  host->progress(value);
  Py_RETURN_NONE;
}

PyObject* log_message(PyObject*, PyObject* message) {
  const HostCalls* host = host_of_call();
  if (host == nullptr) return nullptr;
  const char* text = PyUnicode_AsUTF8(message);
  if (text == nullptr) return nullptr;
  host->log(IB_LOG_INFO, text);
  Py_RETURN_NONE;
}

PyMethodDef host_methods[] = {
    {"poll", poll_host, METH_NOARGS, "Raises Cancelled if the host wants this call to stop. Call it once per layer."},
    {"progress", report_progress, METH_O, "Tells the host which fraction of this call is done, 0 to 1."},
    {"log", log_message, METH_O, "Hands the host a line for its log."},
    {nullptr, nullptr, 0, nullptr}};

PyModuleDef host_module_definition = {
    PyModuleDef_HEAD_INIT, kModuleName, nullptr, -1, host_methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace

void create_host_module() {
  const Ref module = Ref::take(PyModule_Create(&host_module_definition));
  host_dict = PyModule_GetDict(module.get());
  check(PyDict_SetItemString(host_dict, "View", view_type()));
  check(PyDict_SetItemString(host_dict, "__file__", Ref::take(PyUnicode_FromString("<inferbench>")).get()));
  check(PyDict_SetItemString(host_dict, "__builtins__", PyEval_GetBuiltins()));
  check(PyDict_SetItemString(PyImport_GetModuleDict(), kModuleName, module.get()));
  const std::string text(kPreludeText);
  const Ref code = Ref::take(Py_CompileString(text.c_str(), "<inferbench>", Py_file_input));
  Ref::take(PyEval_EvalCode(code.get(), host_dict, host_dict));
}

Ref host_function(const char* name) {
  return Ref::borrow(PyDict_GetItemString(host_dict, name));
}

CurrentHost::CurrentHost(const HostCalls& host) : before_(current_host) {
  current_host = &host;
}

CurrentHost::~CurrentHost() {
  current_host = before_;
}

}  // namespace inferbench::python
