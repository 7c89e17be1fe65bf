// SPDX-License-Identifier: Apache-2.0
#include "model/sha256.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <vector>

#include "model/mapped_file.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

void require(int ok) {
  if (ok != 1) throw Error("SHA-256 failed in libcrypto", "check the OpenSSL installation", ExitCode::kBadInput);
}

}  // namespace

struct Sha256::Context {
  EVP_MD_CTX* md = EVP_MD_CTX_new();
  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { EVP_MD_CTX_free(md); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  require(context_->md != nullptr ? 1 : 0);
  require(EVP_DigestInit_ex(context_->md, EVP_sha256(), nullptr));
}

Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> bytes) {
  require(EVP_DigestUpdate(context_->md, bytes.data(), bytes.size()));
}

void Sha256::update_file(const std::filesystem::path& path) {
  const InputFile file(path);
  std::vector<std::byte> buffer(
      static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), std::uint64_t{1} << 20U)));
  for (std::uint64_t offset = 0; offset < file.size(); offset += buffer.size()) {
    buffer.resize(static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), file.size() - offset)));
    file.read(buffer, offset);
    update(buffer);
  }
}

std::string Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest = {};
  unsigned int length = 0;
  require(EVP_DigestFinal_ex(context_->md, digest.data(), &length));
  std::string text;
  for (unsigned int i = 0; i < length; ++i) fmt::format_to(std::back_inserter(text), "{:02x}", digest[i]);
  return text;
}

std::string sha256_of_file(const std::filesystem::path& path) {
  Sha256 digest;
  digest.update_file(path);
  return digest.hex();
}

}  // namespace inferbench
