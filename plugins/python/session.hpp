// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "inferbench/backend.hpp"
#include "model.hpp"
#include "python_ref.hpp"
#include "view.hpp"

namespace inferbench::python {

/// What the user's open() returned. The plugin checks every call and counts the tokens of each slot, so that Python
/// code sees only valid calls. Throws Failure.
class Session {
 public:
  Session(Model& model, const ib_session_params& params);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  const ib_session_info& info() const { return info_; }

  void forward(const ib_forward_params& params);
  void truncate(std::int32_t slot, std::int32_t n_past);

 private:
  void open();
  void call_forward(const ib_forward_params& params);
  Ref sequences_object(const ib_forward_params& params, const std::shared_ptr<Lease>& lease) const;

  Model& model_;
  SlotLengths lengths_;
  Ref session_;
  Ref forward_name_;
  ib_session_info info_{};
};

}  // namespace inferbench::python
