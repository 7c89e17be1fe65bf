// SPDX-License-Identifier: Apache-2.0
#include "support/write_error.hpp"

#include <cerrno>

namespace inferbench {

std::string write_cure(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return "free space on that disk, or write elsewhere";
    case EFBIG:
      return "raise the file-size limit (ulimit -f), or write less";
    case EPIPE:
      return "the program that reads it has ended";
    case EBADF:
      return "redirect it to a file, a pipe, or /dev/null";
    case EIO:
      return "check the disk";
    case EACCES:
    case EPERM:
    case EROFS:
      return "check the permissions of the file and its folder, or write elsewhere";
    default:
      return "check that the folder exists and is writable, or write elsewhere";
  }
}

}  // namespace inferbench
