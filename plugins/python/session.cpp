// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <algorithm>

#include "description.hpp"
#include "inferbench/engine_passes.hpp"
#include "python_call.hpp"
#include "signal_handlers.hpp"

namespace inferbench::python {
namespace {

PyStructSequence_Field sequence_fields[] = {{"slot", "0 to slots - 1"},
                                            {"past", "tokens that the slot holds already"},
                                            {"tokens", "View of the new tokens: int32 [n]"},
                                            {"output", "'none', 'last', 'all' (logits) or 'greedy' (an id)"},
                                            {"logits", "View to write: float32 [1 or n, vocab_size], or None"},
                                            {"ids", "View to write: int32 [1], or None"},
                                            {nullptr, nullptr}};

PyStructSequence_Desc sequence_description = {"inferbench.Sequence",
                                              "New tokens of one slot, and where the results go.", sequence_fields, 6};

PyTypeObject* sequence_type() {
  static PyObject* const type =
      Ref::take(reinterpret_cast<PyObject*>(PyStructSequence_NewType(&sequence_description))).release();
  return reinterpret_cast<PyTypeObject*>(type);
}

const char* output_name(std::int32_t output) {
  switch (output) {
    case IB_OUTPUT_LAST_LOGITS:
      return "last";
    case IB_OUTPUT_ALL_LOGITS:
      return "all";
    case IB_OUTPUT_GREEDY:
      return "greedy";
    default:
      return "none";
  }
}

Memory ids_memory(const std::int32_t* ids, std::int64_t n, bool is_writable) {
  return {const_cast<std::int32_t*>(ids), "i32", "i", 4, 1, {n, 0}, {4, 0}, is_writable};
}

Memory logits_memory(float* logits, std::int64_t rows, std::int64_t vocab_size) {
  return {logits, "f32", "f", 4, 2, {rows, vocab_size}, {4 * vocab_size, 4}, true};
}

}  // namespace

Session::Session(Model& model, const ib_session_params& params)
    : model_(model), lengths_(checked_session_limits(params, model.max_positions, model.vocab_size)) {
  const SignalHandlers kept(&model_.context.host);
  in_python(model_.context.host, [this] { open(); });
}

void Session::open() {
  const SessionLimits& limits = lengths_.limits();
  Ref opened = Ref::take(PyObject_CallMethod(model_.backend.get(), "open", "iiL", limits.n_slots, limits.max_tokens,
                                             static_cast<long long>(limits.max_forward_tokens)));
  const std::uint64_t kv_bytes = bytes_attribute(opened, "kv_bytes", "what Backend.open returns");
  const std::uint64_t scratch_bytes = bytes_attribute(opened, "scratch_bytes", "what Backend.open returns");
  const std::uint64_t python_bytes = model_.context.python_bytes;
  if (model_.is_on_cpu()) {
    info_ = session_memory(model_.info(), kv_bytes, scratch_bytes + python_bytes);
  } else {
    info_ = session_memory(model_.info(), kv_bytes, scratch_bytes, true);
    info_.peak_bytes = python_bytes;  // all else is on the device
  }
  forward_name_ = Ref::take(PyUnicode_InternFromString("forward"));
  session_ = std::move(opened);
}

Session::~Session() {
  ib_error ignored;
  guard(&ignored, [this] {
    in_python(model_.context.host, [this] {
      const Ref arguments = Ref::take(PyTuple_Pack(1, session_.get()));
      call_if_there(model_.backend, "close", arguments);
    });
  });
  const Gil gil;
  session_.reset();
  forward_name_.reset();
}

void Session::forward(const ib_forward_params& params) {
  lengths_.check(params);
  in_python(model_.context.host, [&] { call_forward(params); });
  lengths_.advance(params);
}

void Session::call_forward(const ib_forward_params& params) {
  const LeaseScope lease;
  {
    const Ref sequences = sequences_object(params, lease.get());
    const Ref result = Ref::take(PyObject_CallMethodObjArgs(model_.backend.get(), forward_name_.get(), session_.get(),
                                                            sequences.get(), nullptr));
    if (result.get() != Py_None) {
      PyErr_SetString(PyExc_TypeError, "forward must return None; results go to the logits and ids of each sequence");
      throw PythonRaised{};
    }
  }
  check_unused(*lease.get(), "tokens or logits after forward; copy what it needs");
}

Ref Session::sequences_object(const ib_forward_params& params, const std::shared_ptr<Lease>& lease) const {
  const std::int64_t vocab_size = lengths_.limits().vocab_size;
  Ref list = Ref::take(PyList_New(params.n_sequences));
  float* logits = params.logits;
  std::int32_t* ids = params.ids;
  for (std::int32_t i = 0; i < params.n_sequences; ++i) {
    const ib_sequence& from = params.sequences[i];
    const std::int64_t rows = from.output == IB_OUTPUT_ALL_LOGITS ? from.n_tokens : 1;
    const bool wants_logits = from.output == IB_OUTPUT_ALL_LOGITS || from.output == IB_OUTPUT_LAST_LOGITS;
    const bool wants_id = from.output == IB_OUTPUT_GREEDY;
    PyObject* const sequence = Ref::take(PyStructSequence_New(sequence_type())).release();
    PyList_SetItem(list.get(), i, sequence);  // the list owns it now
    Ref fields[] = {Ref::take(PyLong_FromLong(from.slot)),
                    Ref::take(PyLong_FromLong(lengths_[from.slot])),
                    new_view(ids_memory(from.tokens, from.n_tokens, false), lease),
                    Ref::take(PyUnicode_InternFromString(output_name(from.output))),
                    wants_logits ? new_view(logits_memory(logits, rows, vocab_size), lease) : Ref::borrow(Py_None),
                    wants_id ? new_view(ids_memory(ids, 1, true), lease) : Ref::borrow(Py_None)};
    for (Py_ssize_t field = 0; field < 6; ++field) {
      PyStructSequence_SetItem(sequence, field, fields[field].release());
    }
    if (wants_logits) logits += rows * vocab_size;
    if (wants_id) ++ids;
  }
  return list;
}

void Session::truncate(std::int32_t slot, std::int32_t n_past) {
  check_truncate(slot, n_past, lengths_.held());
  in_python(model_.context.host, [&] {
    const Ref arguments = Ref::take(Py_BuildValue("(Oii)", session_.get(), slot, n_past));
    call_if_there(model_.backend, "truncate", arguments);
  });
  lengths_.truncate(slot, n_past);
}

}  // namespace inferbench::python
