// SPDX-License-Identifier: Apache-2.0
// Feeds every file of the given folders to a fuzz target: runs the corpus as a test, with any compiler and sanitizer.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  int n_files = 0;
  try {
    for (const std::string& folder : std::vector<std::string>(argv + 1, argv + argc)) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file()) continue;
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string text(std::istreambuf_iterator<char>(file), {});
        std::printf("%s (%zu bytes)\n", entry.path().c_str(), text.size());
        std::fflush(stdout);  // so that the last line names the file if the target aborts
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
        ++n_files;
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  if (n_files == 0) std::fprintf(stderr, "the corpus is empty\n");
  return n_files == 0 ? 1 : 0;
}
