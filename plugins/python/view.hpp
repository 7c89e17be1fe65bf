// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "inferbench/backend.h"
#include "python_ref.hpp"

namespace inferbench::python {

/// How long memory of the host may be looked at, and who still does. Views made for one call share a lease.
struct Lease {
  std::atomic<bool> is_over{false};
  std::atomic<std::int64_t> n_users{0};  ///< arrays and DLPack tensors that point into the memory
};

/// Starts a lease, and ends it at the end of the scope whatever happens.
class LeaseScope {
 public:
  LeaseScope() : lease_(std::make_shared<Lease>()) {}
  ~LeaseScope() { lease_->is_over = true; }
  LeaseScope(const LeaseScope&) = delete;
  LeaseScope& operator=(const LeaseScope&) = delete;
  const std::shared_ptr<Lease>& get() const { return lease_; }

 private:
  std::shared_ptr<Lease> lease_;
};

/// What a View points to. Strides are in bytes.
struct Memory {
  void* data;
  const char* dtype;   ///< "f32", "f16", "bf16", "i32"
  const char* format;  ///< of one element, as Python's struct module spells it
  Py_ssize_t item_bytes;
  int rank;
  Py_ssize_t shape[2];
  Py_ssize_t strides[2];
  bool is_writable;
};

/// The class inferbench.View: memory of the host as a buffer (memoryview, numpy.asarray) and as a DLPack tensor
/// (numpy.from_dlpack, torch.from_dlpack), without a copy. Borrowed; needs the GIL. Throws PythonRaised.
PyObject* view_type();

/// A new View. The memory must live until the lease is over and has no users.
Ref new_view(const Memory& memory, const std::shared_ptr<Lease>& lease);

/// The object behind inferbench.View.
struct ViewObject {
  PyObject_HEAD Memory memory;
  std::shared_ptr<Lease> lease;
};

/// View.__dlpack__ (dlpack.cpp): a capsule "dltensor".
PyObject* view_dlpack(PyObject* self, PyObject* args, PyObject* keywords);

/// Starts a use of the view's memory. Returns false, with BufferError set, if the lease is over.
bool begin_use(ViewObject& view);

}  // namespace inferbench::python
