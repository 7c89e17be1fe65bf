// SPDX-License-Identifier: Apache-2.0
#include "support/output_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <random>
#include <system_error>
#include <utility>

#include "support/error.hpp"
#include "support/print.hpp"
#include "support/write_error.hpp"

namespace inferbench {

namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 40;  // the kernel's own limit

[[noreturn]] void refuse_output(const std::string& shown, const std::string& why, const std::string& cure) {
  throw Error(fmt::format("cannot write {}: {}", shown, why), cure);
}

// The descriptor of this process that a path in its /proc/self/fd names.
std::optional<int> descriptor_named(const fs::path& path) {
  const std::string name = path.filename().string();
  int descriptor = -1;
  const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), descriptor);
  if (name.empty() || problem != std::errc() || end != name.data() + name.size() || descriptor < 0) return std::nullopt;
  std::error_code error;
  const fs::path folder = fs::canonical(fs::absolute(path).parent_path(), error);
  if (error || folder != fmt::format("/proc/{}/fd", getpid())) return std::nullopt;
  return descriptor;
}

/// The file or descriptor of this process that a path resolves to.
struct Target {
  fs::path path;
  std::optional<int> descriptor;
};

// Follows symbolic links by hand: links in /proc/self/fd may lead to files without a name, and a link may point to a
// file that does not exist yet.
Target follow_links(fs::path path) {
  for (int links = 0; links < kMostLinks; ++links) {
    if (const auto descriptor = descriptor_named(path)) return {path, descriptor};
    std::error_code error;
    if (!fs::is_symlink(fs::symlink_status(path, error))) break;
    const fs::path next = fs::read_symlink(path, error);
    if (error) break;
    path = path.parent_path() / next;  // an absolute `next` replaces the path
  }
  return {std::move(path), std::nullopt};
}

// In the same folder as the target, since only there is a rename atomic. No user would choose this name.
fs::path part_of(const fs::path& target) {
  constexpr std::size_t kMostOfName = 200;  // a file name may have 255 bytes
  std::random_device device;
  return target.parent_path() /
         fmt::format(".{}.{:08x}.part", target.filename().string().substr(0, kMostOfName), device());
}

// An access list is permissions beyond the mode bits, which a new file would not inherit.
bool has_access_list(const fs::path& path) {
  return getxattr(path.c_str(), "system.posix_acl_access", nullptr, 0) > 0;
}

// A container may mount a single file; no other file can be renamed over it.
bool is_mount_point(const fs::path& path) {
  struct statx found {};
  if (::statx(AT_FDCWD, path.c_str(), 0, 0, &found) != 0) return false;
  return (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

void sync_folder_of(const fs::path& file) {
  const int fd = ::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  ::close(fd);
}

}  // namespace

OutputFile::OutputFile(const fs::path& path) : shown_(path.string()) {
  if (path.empty()) refuse_output("''", "the name is empty", "name a file; - is standard output");
  if (!path.has_filename()) refuse_output(shown_, "it is a folder", "name a file in it");
  const Target target = follow_links(fs::absolute(path));
  if (target.descriptor) {
    use_descriptor(*target.descriptor);
  } else {
    open(target.path);
  }
}

OutputFile OutputFile::standard_output() {
  OutputFile file;
  file.shown_ = "standard output";
  file.use_descriptor(STDOUT_FILENO);
  return file;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : shown_(std::move(other.shown_)),
      target_(std::exchange(other.target_, {})),
      part_(std::exchange(other.part_, {})),
      to_stdout_(other.to_stdout_),
      fd_(std::exchange(other.fd_, -1)) {}

OutputFile::~OutputFile() {
  close();
}

void OutputFile::fail(int error_number) const {
  if (to_stdout_) throw StdoutError(error_number);
  refuse_output(shown_, std::strerror(error_number), write_cure(error_number));
}

void OutputFile::use_descriptor(int descriptor) {
  const int flags = fcntl(descriptor, F_GETFD);
  // A descriptor that this program opened for itself may belong to a file of a run.
  if (flags < 0 || (flags & FD_CLOEXEC) != 0) refuse_output(shown_, "it is not open", "name a file");
  to_stdout_ = descriptor == STDOUT_FILENO;
  if (to_stdout_) flush_results();
  fd_ = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
  if (fd_ < 0) fail(errno);
}

void OutputFile::open(const fs::path& target) {
  struct stat found {};
  if (::stat(target.c_str(), &found) != 0) {
    if (errno != ENOENT) fail(errno);
    std::error_code ignored;
    if (!fs::is_directory(target.parent_path(), ignored)) {
      refuse_output(shown_, fmt::format("there is no folder {}", target.parent_path().string()),
                    "create it, or name another file");
    }
    if (!open_beside(target)) fail(errno);
    return;
  }
  if (S_ISDIR(found.st_mode)) refuse_output(shown_, "it is a folder", "name a file in it");
  if (!S_ISREG(found.st_mode)) return open_in_place(target, 0);
  // A rename would also replace a write-protected file.
  if (faccessat(AT_FDCWD, target.c_str(), W_OK, AT_EACCESS) != 0) fail(errno);
  const bool replaceable = !is_mount_point(target) && !has_access_list(target);
  if (!replaceable || !open_beside(target)) return open_in_place(target, O_TRUNC);
  struct stat made {};
  fstat(fd_, &made);
  const bool other_owner = made.st_uid != found.st_uid || made.st_gid != found.st_gid;
  const bool kept =
      (!other_owner || fchown(fd_, found.st_uid, found.st_gid) == 0) && fchmod(fd_, found.st_mode & 07777U) == 0;
  if (kept) return;
  close();
  open_in_place(target, O_TRUNC);
}

// Returns false, with errno set, if no file can be created in the folder.
bool OutputFile::open_beside(const fs::path& target) {
  constexpr int kAttempts = 10;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    part_ = part_of(target);
    fd_ = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ >= 0) {
      target_ = target;
      return true;
    }
    if (errno != EEXIST) break;
  }
  part_.clear();
  return false;
}

void OutputFile::open_in_place(const fs::path& target, int flags) {
  part_.clear();
  target_.clear();
  fd_ = ::open(target.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | flags);
  if (fd_ < 0) fail(errno);
}

void OutputFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {  // an inherited descriptor may be non-blocking
      pollfd waiting{fd_, POLLOUT, 0};
      ::poll(&waiting, 1, -1);
    } else if (errno != EINTR) {
      fail(errno);
    }
  }
}

void OutputFile::finish() {
  // Devices and pipes don't support fsync. A full disk may be reported only here.
  if (fsync(fd_) != 0 && errno != EINVAL && errno != ENOTSUP && errno != EROFS) fail(errno);
  if (!part_.empty()) {
    if (::rename(part_.c_str(), target_.c_str()) != 0) fail(errno);
    part_.clear();
    sync_folder_of(target_);
  }
  const int error_number = ::close(std::exchange(fd_, -1)) == 0 ? 0 : errno;
  if (error_number != 0 && error_number != EINTR) fail(error_number);
}

void OutputFile::close() noexcept {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  if (!part_.empty()) ::unlink(part_.c_str());
  part_.clear();
}

void write_file(const fs::path& path, std::string_view text) {
  OutputFile file(path);
  file.write(text);
  file.finish();
}

bool names_standard_output(const fs::path& path) {
  return !path.empty() && follow_links(fs::absolute(path)).descriptor == STDOUT_FILENO;
}

}  // namespace inferbench
