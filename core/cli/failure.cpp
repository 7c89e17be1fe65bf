// SPDX-License-Identifier: Apache-2.0
#include "cli/failure.hpp"

#include <new>
#include <system_error>

namespace inferbench {

namespace {

Failure internal_failure(const std::string& what) {
  return {"internal error: " + what, "this is a bug in inferbench; please report it with the command and this line",
          ExitCode::kInternal};
}

}  // namespace

Failure explain_failure(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    return {error.what(), error.cure(), error.exit_code()};
  } catch (const std::bad_alloc&) {
    return {"out of memory", "use a smaller model, batch or context", ExitCode::kBadInput};
  } catch (const std::system_error& error) {  // files and processes, including std::filesystem
    return {error.what(), "", ExitCode::kBadInput};
  } catch (const std::exception& error) {
    return internal_failure(error.what());
  } catch (...) {
    return internal_failure("an exception of an unknown type");
  }
}

}  // namespace inferbench
