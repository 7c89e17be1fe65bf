// SPDX-License-Identifier: Apache-2.0
#include "plugin/library.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "support/error.hpp"
#include "support/one_line.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCutOffCure = "build or copy it again; the file is incomplete";

[[noreturn]] void fail(const fs::path& path, const std::string& fault, const std::string& cure) {
  throw Error(fmt::format("{}: {}", path.string(), fault), cure);
}

class File {
 public:
  explicit File(const fs::path& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// Reads a T from the file; zeros if the file is too short.
template <typename T>
T read_at(int fd, std::uint64_t offset) {
  T value{};
  if (pread(fd, &value, sizeof(value), static_cast<off_t>(offset)) != static_cast<ssize_t>(sizeof(value))) return T{};
  return value;
}

// Compares with `own`, the header of the running program.
void check_header(const fs::path& path, const Elf64_Ehdr& header, const Elf64_Ehdr& own) {
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    fail(path, "is not an ELF file", "give the shared library that the build made (cc -shared -fPIC)");
  }
  const bool same_kind = header.e_ident[EI_CLASS] == own.e_ident[EI_CLASS] &&
                         header.e_ident[EI_DATA] == own.e_ident[EI_DATA] && header.e_machine == own.e_machine;
  if (!same_kind) {
    const int bits = header.e_ident[EI_CLASS] == ELFCLASS32 ? 32 : 64;
    const int own_bits = own.e_ident[EI_CLASS] == ELFCLASS32 ? 32 : 64;
    fail(path,
         fmt::format("is built for another machine ({}-bit, ELF machine {}; this inferbench: {}-bit, ELF machine {})",
                     bits, header.e_machine, own_bits, own.e_machine),
         "build it for this machine");
  }
  if (header.e_type != ET_DYN) {
    fail(path, "is an ELF file, but not a shared library", "link it with cc -shared");
  }
}

// The loader maps segments without checking the file's size; accessing a missing part would be a bus error.
void check_whole(const fs::path& path, int fd, const Elf64_Ehdr& header, std::uint64_t size) {
  std::uint64_t needed = header.e_phoff + std::uint64_t{header.e_phnum} * sizeof(Elf64_Phdr);
  const std::uint64_t n_readable = needed <= size ? header.e_phnum : 0;
  for (std::uint64_t i = 0; i < n_readable; ++i) {
    const auto segment = read_at<Elf64_Phdr>(fd, header.e_phoff + i * sizeof(Elf64_Phdr));
    if (segment.p_type == PT_LOAD) needed = std::max<std::uint64_t>(needed, segment.p_offset + segment.p_filesz);
  }
  if (needed > size) fail(path, fmt::format("is truncated: {} of at least {} bytes", size, needed), kCutOffCure);
}

std::string_view after(std::string_view text, std::string_view marker) {
  const auto at = text.find(marker);
  return at == std::string_view::npos ? std::string_view() : text.substr(at + marker.size());
}

// Turns dlerror's text into fault and hint; an unknown text is passed on.
[[noreturn]] void explain_dlerror(const fs::path& path, std::string_view text) {
  constexpr std::string_view kMissing = ": cannot open shared object file: ";
  if (const std::string_view symbol = after(text, ": undefined symbol: "); !symbol.empty()) {
    const std::string name(symbol.substr(0, symbol.find_first_of(", ")));
    fail(path, fmt::format("needs the symbol '{}', which none of its libraries provides", name),
         fmt::format("link it with the library that defines '{}'", name));
  }
  const std::string_view library = text.substr(0, text.find(kMissing));
  if (library.size() < text.size() && library != path.string()) {
    fail(path, fmt::format("needs the library '{}'{}", library, text.substr(library.size())),
         fmt::format("install '{}', or link with -Wl,-rpath to its folder", library));
  }
  // "PATH: reason" would repeat the path.
  const std::string_view reason = after(text, path.string() + ": ");
  fail(path, fmt::format("cannot be loaded: {}", one_line(reason.empty() ? text : reason, 300)), "build it again");
}

}  // namespace

void check_library_file(const fs::path& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    fail(path, errno == ENOENT ? "no such file" : fmt::format("cannot be accessed: {}", std::strerror(errno)),
         "check the path; inferbench backends lists what is found");
  }
  if (S_ISDIR(status.st_mode)) {
    fail(path, "is a folder, not a shared library", "name the library in it, or give the folder as --plugin-dir");
  }
  if (!S_ISREG(status.st_mode)) fail(path, "is not a regular file", "give the shared library itself");
  const File file(path);
  if (file.get() < 0) {
    fail(path, fmt::format("cannot be read: {}", std::strerror(errno)),
         fmt::format("make it readable: chmod a+r '{}'", path.string()));
  }
  if (status.st_size == 0) fail(path, "is empty", kCutOffCure);
  const File self("/proc/self/exe");
  if (self.get() < 0) return;  // no /proc: leave the check to dlopen
  const auto header = read_at<Elf64_Ehdr>(file.get(), 0);
  check_header(path, header, read_at<Elf64_Ehdr>(self.get(), 0));
  check_whole(path, file.get(), header, static_cast<std::uint64_t>(status.st_size));
}

const ib_backend* open_library(const fs::path& path) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* text = dlerror();
    explain_dlerror(path, text == nullptr ? "no reason given" : text);
  }
  const void* symbol = dlsym(handle, IB_BACKEND_SYMBOL);
  if (symbol == nullptr) {
    fail(path, "does not export '" IB_BACKEND_SYMBOL "', so it is not an inferbench backend",
         "define it as IB_EXPORT const ib_backend " IB_BACKEND_SYMBOL " (see inferbench/backend.h)");
  }
  return static_cast<const ib_backend*>(symbol);
}

}  // namespace inferbench
