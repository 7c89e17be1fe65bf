// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace inferbench {

/// A request that is answered with an error, in the terms of OpenAI's API.
class ApiError : public std::runtime_error {
 public:
  /// `param`: the parameter at fault, or empty. `code`: OpenAI's name for the error, or empty.
  ApiError(int status, const std::string& message, std::string param = {}, std::string code = {})
      : std::runtime_error(message), status_(status), param_(std::move(param)), code_(std::move(code)) {}

  int status() const noexcept { return status_; }  ///< of HTTP
  const std::string& param() const noexcept { return param_; }
  const std::string& code() const noexcept { return code_; }

 private:
  int status_;
  std::string param_;
  std::string code_;
};

}  // namespace inferbench
