// SPDX-License-Identifier: Apache-2.0
#include "model/mapped_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include "support/error.hpp"

namespace inferbench {
namespace {

std::string reason(int code) {
  return std::generic_category().message(code);
}

// Git LFS leaves a text of about 130 bytes that starts like this in place of a large file that was not fetched.
constexpr std::string_view kLfsPointer = "version https://git-lfs.github.com/spec/";
constexpr std::uint64_t kMaxLfsPointer = 1024;

bool is_lfs_pointer(int fd, std::uint64_t size) {
  std::array<char, kLfsPointer.size()> begin{};
  return size <= kMaxLfsPointer && ::pread(fd, begin.data(), begin.size(), 0) == ssize_t{begin.size()} &&
         std::string_view(begin.data(), begin.size()) == kLfsPointer;
}

}  // namespace

InputFile::InputFile(const std::filesystem::path& path) : path_(path) {
  // With O_NONBLOCK a FIFO is refused below instead of waited for.
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd_ < 0) {
    const int code = errno;
    throw Error(fmt::format("{}: cannot open: {}", path.string(), reason(code)),
                code == ENOENT ? "check the path" : "check that the file is readable");
  }
  struct stat info = {};
  const int failed = ::fstat(fd_, &info);
  if (failed != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd_);
    throw Error(fmt::format("{}: not a regular file", path.string()), "give the path of a file");
  }
  size_ = static_cast<std::uint64_t>(info.st_size);
  if (is_lfs_pointer(fd_, size_)) {
    ::close(fd_);
    throw Error(fmt::format("{}: a Git LFS pointer, not the file itself", path.string()),
                "fetch the file: run 'git lfs install' and 'git lfs pull' in the repository, or download it again");
  }
}

InputFile::InputFile(InputFile&& other) noexcept
    : path_(std::move(other.path_)), size_(other.size_), fd_(std::exchange(other.fd_, -1)) {}

InputFile& InputFile::operator=(InputFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(size_, other.size_);
  std::swap(fd_, other.fd_);
  return *this;
}

InputFile::~InputFile() {
  if (fd_ >= 0) ::close(fd_);
}

void InputFile::read(std::span<std::byte> out, std::uint64_t offset) const {
  while (!out.empty()) {
    const ::ssize_t got = ::pread(fd_, out.data(), out.size(), static_cast<::off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error(fmt::format("{}: cannot read: {}", path_.string(), reason(errno)));
    if (got == 0) {
      throw Error(fmt::format("{}: ends at byte {} while being read", path_.string(), offset),
                  "is something still writing it?");
    }
    out = out.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
}

std::string read_small_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  const InputFile file(path);
  if (file.size() > max_bytes) {
    throw Error(fmt::format("{}: {} bytes; at most {} are accepted", path.string(), file.size(), max_bytes),
                "the file is damaged or not what its name says");
  }
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  file.read(std::as_writable_bytes(std::span(text)), 0);
  return text;
}

Mapping::Mapping(const InputFile& file) : size_(static_cast<std::size_t>(file.size())) {
  if (size_ == 0) return;
  void* data = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
  if (data == MAP_FAILED) {
    throw Error(fmt::format("{}: cannot map {} bytes: {}", file.path().string(), size_, reason(errno)),
                "check the limit on address space (ulimit -v)");
  }
  data_ = data;
}

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Mapping::~Mapping() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace inferbench
