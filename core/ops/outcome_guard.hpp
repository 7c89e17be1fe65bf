// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <new>
#include <string>

#include "measure/trial_status.hpp"
#include "plugin/backend.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"

namespace inferbench {

/// Calls `work`. Exceptions become the outcome's status and a one-line error. `work` may also set both itself.
template <typename Outcome, typename Work>
void into_outcome(Outcome& outcome, Work work) {
  outcome.status = TrialStatus::kOk;
  const auto failed = [&](TrialStatus status, const std::string& what) {
    outcome.status = status;
    outcome.error = one_line(what);
  };
  try {
    work();
  } catch (const BackendError& error) {
    failed(trial_status_of(error.status()), error.what());
  } catch (const WrongOutput& error) {
    failed(TrialStatus::kWrongOutput, error.what());
  } catch (const std::bad_alloc&) {
    failed(TrialStatus::kOom, "out of memory");
  } catch (const Error& error) {  // an error of this program: a bad option, an unreadable model
    failed(TrialStatus::kInvalid, error.what());
  } catch (const std::exception& error) {
    failed(TrialStatus::kCrashed, std::string("the backend threw an exception: ") + error.what());
  } catch (...) {
    failed(TrialStatus::kCrashed, "the backend threw an exception");
  }
}

}  // namespace inferbench
