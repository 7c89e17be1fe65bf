// SPDX-License-Identifier: Apache-2.0
#include "python_call.hpp"

#include <string>
#include <string_view>

namespace inferbench::python {
namespace {

ib_status status_of(std::string_view kind) {
  if (kind == "cancelled") return IB_CANCELLED;
  if (kind == "unsupported") return IB_UNSUPPORTED;
  if (kind == "out_of_memory") return IB_OUT_OF_MEMORY;
  if (kind == "device_lost") return IB_DEVICE_LOST;
  return IB_INTERNAL;
}

std::string text_of(PyObject* text) {
  const char* const utf8 = PyUnicode_AsUTF8(text);
  if (utf8 == nullptr) throw PythonRaised{};
  return utf8;
}

// The exception that is set, with its traceback; then none is set.
Ref taken_exception() {
#if PY_VERSION_HEX >= 0x030C0000
  PyObject* const value = PyErr_GetRaisedException();
#else
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  if (value != nullptr && trace != nullptr) PyException_SetTraceback(value, trace);
  Py_XDECREF(type);
  Py_XDECREF(trace);
#endif
  if (value == nullptr) throw Failure(IB_INTERNAL, "Python failed without an exception");
  return Ref::take(value);
}

}  // namespace

void throw_failure() {
  const Ref exception = taken_exception();
  ib_status status = IB_INTERNAL;
  std::string message;
  try {
    const Ref explained = Ref::take(PyObject_CallOneArg(host_function("_explain").get(), exception.get()));
    status = status_of(text_of(PyTuple_GetItem(explained.get(), 0)));
    message = text_of(PyTuple_GetItem(explained.get(), 1));
  } catch (const PythonRaised&) {  // out of memory, or before the module is complete
    PyErr_Clear();
    message = std::string("Python raised ") + Py_TYPE(exception.get())->tp_name;
    if (PyErr_GivenExceptionMatches(exception.get(), PyExc_MemoryError) != 0) status = IB_OUT_OF_MEMORY;
  }
  throw Failure(status, message);
}

}  // namespace inferbench::python
