// SPDX-License-Identifier: Apache-2.0
#include "view.hpp"

#include <cstring>
#include <new>

namespace inferbench::python {
namespace {

ViewObject& view_of(PyObject* self) {
  return *reinterpret_cast<ViewObject*>(self);
}

void destroy_view(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  view_of(self).lease.~shared_ptr();
  type->tp_free(self);
  Py_DECREF(type);
}

int get_view_buffer(PyObject* self, Py_buffer* buffer, int flags) {
  ViewObject& view = view_of(self);
  buffer->obj = nullptr;
  if ((flags & PyBUF_WRITABLE) == PyBUF_WRITABLE && !view.memory.is_writable) {
    PyErr_SetString(PyExc_BufferError, "this memory of the host is read-only");
    return -1;
  }
  const Memory& memory = view.memory;
  const bool is_dense = memory.strides[memory.rank - 1] == memory.item_bytes &&
                        (memory.rank == 1 || memory.strides[0] == memory.shape[1] * memory.item_bytes);
  if ((flags & PyBUF_STRIDES) != PyBUF_STRIDES && !is_dense) {
    PyErr_SetString(PyExc_BufferError, "this tensor is not contiguous");
    return -1;
  }
  if (!begin_use(view)) return -1;
  buffer->buf = memory.data;
  buffer->len = memory.item_bytes * memory.shape[0] * (memory.rank == 2 ? memory.shape[1] : 1);
  buffer->itemsize = memory.item_bytes;
  buffer->readonly = memory.is_writable ? 0 : 1;
  buffer->ndim = memory.rank;
  buffer->format = (flags & PyBUF_FORMAT) == PyBUF_FORMAT ? const_cast<char*>(memory.format) : nullptr;
  buffer->shape = view.memory.shape;
  buffer->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? view.memory.strides : nullptr;
  buffer->suboffsets = nullptr;
  buffer->internal = nullptr;
  buffer->obj = Py_NewRef(self);
  return 0;
}

void release_view_buffer(PyObject* self, Py_buffer*) {
  --view_of(self).lease->n_users;
}

PyObject* get_dtype(PyObject* self, void*) {
  return PyUnicode_FromString(view_of(self).memory.dtype);
}

PyObject* get_shape(PyObject* self, void*) {
  const Memory& memory = view_of(self).memory;
  return memory.rank == 1 ? Py_BuildValue("(n)", memory.shape[0])
                          : Py_BuildValue("(nn)", memory.shape[0], memory.shape[1]);
}

PyObject* view_dlpack_device(PyObject*, PyObject*) {
  constexpr int kDlpackCpu = 1;
  return Py_BuildValue("(ii)", kDlpackCpu, 0);
}

PyMethodDef view_methods[] = {{"__dlpack__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&view_dlpack)),
                               METH_VARARGS | METH_KEYWORDS, nullptr},
                              {"__dlpack_device__", view_dlpack_device, METH_NOARGS, nullptr},
                              {nullptr, nullptr, 0, nullptr}};

PyGetSetDef view_fields[] = {{"dtype", get_dtype, nullptr, "'f32', 'f16', 'bf16' or 'i32'", nullptr},
                             {"shape", get_shape, nullptr, "lengths", nullptr},
                             {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyType_Slot view_slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(&destroy_view)},
                            {Py_bf_getbuffer, reinterpret_cast<void*>(&get_view_buffer)},
                            {Py_bf_releasebuffer, reinterpret_cast<void*>(&release_view_buffer)},
                            {Py_tp_methods, view_methods},
                            {Py_tp_getset, view_fields},
                            {0, nullptr}};

PyType_Spec view_spec = {"inferbench.View", sizeof(ViewObject), 0, Py_TPFLAGS_DEFAULT, view_slots};

}  // namespace

PyObject* view_type() {
  static PyObject* const type = Ref::take(PyType_FromSpec(&view_spec)).release();
  return type;
}

Ref new_view(const Memory& memory, const std::shared_ptr<Lease>& lease) {
  auto* const type = reinterpret_cast<PyTypeObject*>(view_type());
  Ref view = Ref::take(type->tp_alloc(type, 0));
  ViewObject& object = view_of(view.get());
  object.memory = memory;
  new (&object.lease) std::shared_ptr<Lease>(lease);
  return view;
}

bool begin_use(ViewObject& view) {
  if (view.lease->is_over) {
    PyErr_SetString(PyExc_BufferError, "this memory belonged to the host and was valid only during the call");
    return false;
  }
  ++view.lease->n_users;
  return true;
}

}  // namespace inferbench::python
