// SPDX-License-Identifier: Apache-2.0
#include "measure/page_cache.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace inferbench {

std::string_view to_string(PageCache cache) {
  for (const auto& [name, state] : kPageCaches) {
    if (state == cache) return name;
  }
  return kPageCaches.front().first;
}

std::optional<PageCache> page_cache_from(std::string_view text) {
  for (const auto& [name, cache] : kPageCaches) {
    if (name == text) return cache;
  }
  return std::nullopt;
}

namespace {

struct PageCount {
  std::size_t resident = 0;
  std::size_t all = 0;
};

std::optional<PageCount> count_pages(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  struct stat status {};
  void* mapped = MAP_FAILED;
  if (fstat(fd, &status) == 0 && status.st_size > 0) {
    mapped = mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_SHARED, fd, 0);
  }
  close(fd);
  if (mapped == MAP_FAILED) return std::nullopt;
  const auto bytes = static_cast<std::size_t>(status.st_size);
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> resident((bytes + page - 1) / page);
  const bool known = mincore(mapped, bytes, resident.data()) == 0;
  munmap(mapped, bytes);
  if (!known) return std::nullopt;
  const auto in_cache = std::count_if(resident.begin(), resident.end(), [](unsigned char p) { return (p & 1U) != 0; });
  return PageCount{static_cast<std::size_t>(in_cache), resident.size()};
}

}  // namespace

void drop_from_page_cache(std::span<const std::filesystem::path> files) {
  for (const auto& file : files) {
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    fdatasync(fd);  // posix_fadvise(2) does not drop dirty pages
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
  }
}

void read_into_page_cache(std::span<const std::filesystem::path> files) {
  constexpr std::size_t kPiece = std::size_t{1} << 20U;
  std::vector<char> piece(kPiece);
  for (const auto& file : files) {
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    while (read(fd, piece.data(), piece.size()) > 0) {
    }
    close(fd);
  }
}

std::optional<double> page_cache_share(std::span<const std::filesystem::path> files) {
  PageCount total;
  for (const auto& file : files) {
    const auto count = count_pages(file);
    if (!count) return std::nullopt;
    total.resident += count->resident;
    total.all += count->all;
  }
  if (total.all == 0) return std::nullopt;
  return static_cast<double>(total.resident) / static_cast<double>(total.all);
}

}  // namespace inferbench
