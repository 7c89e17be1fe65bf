// SPDX-License-Identifier: Apache-2.0
#include "model/safetensors_writer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "model/in_quotes.hpp"
#include "model/safetensors_header.hpp"
#include "model/safetensors_layout.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, const char* what, int code) {
  throw Error(fmt::format("{}: cannot {}: {}", path.string(), what, std::generic_category().message(code)),
              code == ENOSPC ? "free some space, or write elsewhere" : "check that the folder exists and is writable");
}

// The header's JSON, padded so that the data begin at a multiple of 8 bytes.
std::string header_text(std::span<const SafetensorsWriter::Tensor> tensors,
                        const std::map<std::string, std::string>& metadata, std::vector<std::uint64_t>& ends) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t begin = 0;
  for (const auto& tensor : tensors) {
    const auto element_bytes = safetensors_element_bytes(tensor.dtype);
    const SafetensorsTensor declared = {tensor.name, tensor.dtype, tensor.shape, 0, 0};
    std::uint64_t end = 0;
    if (!element_bytes || !safetensors_tensor_bytes(declared, *element_bytes, end) ||
        __builtin_add_overflow(begin, end, &end) || header.contains(tensor.name) || tensor.name == "__metadata__") {
      throw std::logic_error(fmt::format("tensor {}: unknown dtype, too large, or twice", in_quotes(tensor.name)));
    }
    header[tensor.name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
    ends.push_back(end);
    begin = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(const fs::path& path, std::span<const Tensor> tensors,
                                     const std::map<std::string, std::string>& metadata)
    : path_(path), part_(path) {
  std::vector<std::uint64_t> ends;
  const std::string header = header_text(tensors, metadata, ends);
  for (std::size_t i = 0; i < ends.size(); ++i) extents_.push_back({tensors[i].dtype, ends[i]});
  announced_ = ends.empty() ? 0 : ends.back();

  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  // A device or a pipe is written in place: a rename would put a file where it stands.
  if (!fs::exists(status) || fs::is_regular_file(status)) part_ += ".part";
  fd_ = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd_ < 0) fail(part_, "write", errno);
  try {
    std::array<std::byte, 8> length = {};
    for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<std::byte>(header.size() >> (8 * i));
    write_raw(length);
    write_raw(std::as_bytes(std::span(header)));
  } catch (...) {
    close();
    throw;
  }
}

SafetensorsWriter::~SafetensorsWriter() {
  close();
}

void SafetensorsWriter::write(std::span<const float> values) {
  check_dtype("F32", values.size_bytes());
  write_bytes(std::as_bytes(values));
}

void SafetensorsWriter::write(std::span<const std::int32_t> values) {
  check_dtype("I32", values.size_bytes());
  write_bytes(std::as_bytes(values));
}

void SafetensorsWriter::write_bytes(std::span<const std::byte> bytes) {
  if (bytes.size() > announced_ - written_) throw std::logic_error("more tensor data than announced");
  write_raw(bytes);
  written_ += bytes.size();
}

void SafetensorsWriter::finish() {
  if (written_ != announced_) throw std::logic_error("less tensor data than announced");
  if (part_ == path_) {
    if (::close(std::exchange(fd_, -1)) != 0) fail(path_, "write", errno);
    return;
  }
  if (::fsync(fd_) != 0) fail(part_, "write", errno);
  std::error_code error;
  fs::rename(part_, path_, error);
  if (error) fail(path_, "create", error.value());
  ::close(std::exchange(fd_, -1));
}

// Every tensor that the next n_bytes touch must have `dtype`.
void SafetensorsWriter::check_dtype(std::string_view dtype, std::uint64_t n_bytes) const {
  std::uint64_t begin = 0;
  for (const Extent& extent : extents_) {
    const bool touched = begin < written_ + n_bytes && extent.end > written_ && extent.end > begin;
    if (touched && extent.dtype != dtype) throw std::logic_error("tensor data of another dtype than announced");
    begin = extent.end;
  }
}

void SafetensorsWriter::write_raw(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ::ssize_t put = ::write(fd_, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail(part_, "write", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
}

// Without finish(): leaves nothing behind.
void SafetensorsWriter::close() {
  if (fd_ < 0) return;
  ::close(std::exchange(fd_, -1));
  std::error_code ignored;
  if (part_ != path_) fs::remove(part_, ignored);
}

}  // namespace inferbench
