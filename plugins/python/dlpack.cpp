// SPDX-License-Identifier: Apache-2.0
// View.__dlpack__. The structs are those of dlpack.h without a version, which every framework reads.
#include <new>
#include <string_view>

#include "view.hpp"

namespace inferbench::python {
namespace {

struct DlDevice {
  std::int32_t type;  // 1: CPU
  std::int32_t id;
};

struct DlType {
  std::uint8_t code;  // 0: signed integer, 2: IEEE float, 4: bfloat
  std::uint8_t bits;
  std::uint16_t lanes;
};

struct DlTensor {
  void* data;
  DlDevice device;
  std::int32_t rank;
  DlType type;
  std::int64_t* shape;
  std::int64_t* strides;  // in elements
  std::uint64_t byte_offset;
};

struct DlManagedTensor {
  DlTensor tensor;
  void* owner;
  void (*deleter)(DlManagedTensor*);
};

constexpr const char* kCapsuleName = "dltensor";

/// A tensor that was handed out: keeps the lease's count of users until its deleter is called, from any thread.
struct SharedTensor {
  DlManagedTensor managed{};
  std::int64_t shape[2]{};
  std::int64_t strides[2]{};
  std::shared_ptr<Lease> lease;
};

void delete_tensor(DlManagedTensor* managed) {
  auto* const shared = static_cast<SharedTensor*>(managed->owner);
  --shared->lease->n_users;
  delete shared;
}

// Who takes the tensor renames the capsule; then the deleter is theirs to call.
void destroy_capsule(PyObject* capsule) {
  if (PyCapsule_IsValid(capsule, kCapsuleName) == 0) return;
  delete_tensor(static_cast<DlManagedTensor*>(PyCapsule_GetPointer(capsule, kCapsuleName)));
}

DlType dl_type(std::string_view dtype) {
  if (dtype == "f32") return {2, 32, 1};
  if (dtype == "f16") return {2, 16, 1};
  if (dtype == "bf16") return {4, 16, 1};
  return {0, 32, 1};
}

}  // namespace

// Arguments (stream, and in later versions of the protocol others) do not matter for memory of the CPU.
PyObject* view_dlpack(PyObject* self, PyObject*, PyObject*) {
  auto& view = *reinterpret_cast<ViewObject*>(self);
  auto* const shared = new (std::nothrow) SharedTensor;
  if (shared == nullptr) return PyErr_NoMemory();
  if (!begin_use(view)) {
    delete shared;
    return nullptr;
  }
  shared->lease = view.lease;
  const Memory& memory = view.memory;
  for (int i = 0; i < memory.rank; ++i) {
    shared->shape[i] = memory.shape[i];
    shared->strides[i] = memory.strides[i] / memory.item_bytes;
  }
  shared->managed.tensor = {memory.data, {1, 0}, memory.rank, dl_type(memory.dtype), shared->shape, shared->strides, 0};
  shared->managed.owner = shared;
  shared->managed.deleter = delete_tensor;
  PyObject* const capsule = PyCapsule_New(&shared->managed, kCapsuleName, destroy_capsule);
  if (capsule == nullptr) delete_tensor(&shared->managed);
  return capsule;
}

}  // namespace inferbench::python
