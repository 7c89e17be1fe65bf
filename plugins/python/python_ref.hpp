// SPDX-License-Identifier: Apache-2.0
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <utility>

namespace inferbench::python {

/// Thrown where Python has set an exception; see in_python().
struct PythonRaised {};

/// Owns one reference to a Python object, or none. Needs the GIL for everything but moving and destroying an empty one.
class Ref {
 public:
  Ref() = default;
  /// Takes over a new reference. Throws PythonRaised if it is null, which is how Python's functions fail.
  static Ref take(PyObject* object) {
    if (object == nullptr) throw PythonRaised{};
    return Ref(object);
  }
  /// Adds a reference to a borrowed object.
  static Ref borrow(PyObject* object) {
    if (object == nullptr) throw PythonRaised{};
    return Ref(Py_NewRef(object));
  }
  ~Ref() { Py_XDECREF(object_); }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  Ref(const Ref&) = delete;
  Ref& operator=(const Ref&) = delete;

  PyObject* get() const { return object_; }
  PyObject* release() { return std::exchange(object_, nullptr); }
  void reset() { Ref().swap(*this); }
  void swap(Ref& other) noexcept { std::swap(object_, other.object_); }

 private:
  explicit Ref(PyObject* object) : object_(object) {}
  PyObject* object_ = nullptr;
};

/// For functions of Python that return 0 or -1.
inline void check(int result) {
  if (result < 0) throw PythonRaised{};
}

}  // namespace inferbench::python
