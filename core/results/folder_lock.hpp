// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "support/error.hpp"

namespace inferbench {

/// A run folder's file of trials, open for appending and locked.
struct LockedFile {
  int fd = -1;  ///< owned by the caller; closing it releases the lock
  /// Why the lock does not keep out other writers, as one line; empty if it does.
  std::string weakness;
};

/// Another process holds the lock of a run folder.
class FolderBusy : public Error {
 public:
  using Error::Error;
};

/// Opens `path` (created if absent) and takes a lock that ends with the process. Throws FolderBusy if another process
/// holds it, otherwise Error. File systems without locks are accepted with a `weakness`: shared ones are often mounted
/// so, and every run folder has one writer as long as nobody resumes it twice.
LockedFile open_locked(const std::filesystem::path& path);

/// Why locks in the absolute folder `folder` bind only processes of this machine, or nothing: an NFS mount with nolock
/// or local_lock, Lustre with localflock. Empty for other file systems. `mountinfo`: the text of /proc/self/mountinfo.
std::string lock_weakness(const std::filesystem::path& folder, std::string_view mountinfo);

}  // namespace inferbench
