// SPDX-License-Identifier: Apache-2.0
// The Python backend as a user sees it: modules that work, that fail, and that do what a backend may not do. They need
// no package.
#include <gmock/gmock.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "model/safetensors_file.hpp"
#include "support/program.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// Each token is followed by its successor: logits 1 there, else 0. Lines are inserted at the start of each method.
std::string module_text(const std::string& load, const std::string& forward) {
  return R"(import inferbench, json, os, signal, sys, threading
class Backend:
    precisions = {"fp32": "none"}
    features = ["layer_norm", "learned_positions", "plain_mlp", "linear_bias", "gelu_tanh"]
    def load(self, description, tensors, settings):
        )" +
         load + R"(
        self.weights_bytes = self.decode_weights_bytes = 1
        self.vocab_size = description.vocab_size
    def open(self, slots, max_tokens, max_forward_tokens):
        class Session: kv_bytes = scratch_bytes = 0
        return Session()
    def forward(self, session, sequences):
        )" +
         forward + R"(
        for sequence in sequences:
            inferbench.poll()
            tokens = memoryview(sequence.tokens)
            if sequence.output == "greedy": memoryview(sequence.ids)[0] = (tokens[-1] + 1) % self.vocab_size
            if sequence.logits is None: continue
            logits = memoryview(sequence.logits)
            for row in range(logits.shape[0]):
                for i in range(self.vocab_size):
                    logits[row, i] = 1.0 if i == (tokens[row - logits.shape[0]] + 1) % self.vocab_size else 0.0
)";
}

class PythonBackend : public testing::Test {
 protected:
  void SetUp() override {
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    folder_ = std::filesystem::path(test_paths::kBinaryDir) / ("python_" + name);
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "tokens.json") << "[5, 9, 256]";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::vector<std::string> command(const std::string& text, const std::vector<std::string>& more = {},
                                   const std::string& model = "tiny", const std::string& module = "./mine.py",
                                   const std::string& backend = "python") const {
    std::ofstream(folder_ / "mine.py") << text;
    std::vector<std::string> words = {"logits",
                                      "--backend",
                                      backend,
                                      "--option",
                                      "module=" + module,
                                      "--tokens",
                                      "tokens.json",
                                      "--out",
                                      out(),
                                      "--model",
                                      std::string(test_paths::kData) + "/" + model};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  ProgramResult run(const std::string& text, const std::vector<std::string>& more = {},
                    const std::string& model = "tiny") const {
    return run_program_in(folder_, command(text, more, model));
  }
  std::string out() const { return (folder_ / "out.safetensors").string(); }

  std::filesystem::path folder_;
};

TEST_F(PythonBackend, ComputesWithBuffersAndKeepsStdoutClean) {
  const std::string check_args =
      "print('loading')\n        assert settings.args == {'layers': 4, 'mode': 'a b', 'flash': True}, settings.args\n"
      "        assert settings.threads == 2 and settings.precision == 'fp32' and description.norm == 'layer'\n"
      "        weight = memoryview(tensors['layer.0.attn_k.weight'])\n"
      "        assert weight.readonly and weight.shape == (description.hidden_size,) * 2\n"
      "        assert weight.strides == (4, 12 * description.hidden_size), weight.strides\n"
      "        weight.release()";
  const ProgramResult result =
      run(module_text(check_args, "pass"), {"--option", "args=layers=4 mode='a b' flash=true", "--threads", "2"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("loading"));
  const std::vector<float> logits = SafetensorsFile::open(out()).read_f32("case0.logits");
  ASSERT_EQ(logits.size(), 3U * 257U);
  for (const std::size_t next : {0U + 6U, 257U + 10U, 2U * 257U + 0U}) EXPECT_EQ(logits[next], 1.0F) << next;
}

struct Mistake {
  const char* load;
  const char* forward;
  const char* words;
};

TEST_F(PythonBackend, ExceptionsBecomeOneLineWithTheirPlace) {
  const Mistake mistakes[] = {
      {"raise ValueError('too small')", "pass", "ValueError: too small (mine.py:6 in load)"},
      {"json.loads('{')", "pass", "(mine.py:6 in load)"},  // not the place in the library
      {"pass", "1 / 0", "ZeroDivisionError: division by zero (mine.py:13 in forward)"},
      {"sys.exit(3)", "pass", "the module called sys.exit(3) (mine.py:6 in load)"},
      {"pass", "sys.exit()", "the module called sys.exit(None) (mine.py:13 in forward)"},
      {"raise MemoryError", "pass", "MemoryError"},
      {"raise inferbench.Unsupported('only on Tuesdays')", "pass", "only on Tuesdays"},
      {"import no_such_package", "pass", "No module named 'no_such_package'"},
      {"pass", "return 3", "forward must return None"},
      {"pass", "memoryview(sequences[0].tokens)[0] = 1", "cannot modify read-only memory"},
      {"x = = 1", "pass", "SyntaxError: invalid syntax (mine.py:6)"},
      {"self.kept = memoryview(tensors['head.weight' if not description.tied_head else 'token_embedding.weight'])",
       "pass", "the module keeps 1 views of the weights after load"},
      {"pass", "self.kept = memoryview(sequences[0].logits)", "the module keeps 1 views of tokens or logits"},
      {"self.kept = tensors['final_norm.weight']", "memoryview(self.kept)", "valid only during the call"},
  };
  for (const Mistake& mistake : mistakes) {
    const ProgramResult result = run(module_text(mistake.load, mistake.forward));
    EXPECT_EQ(result.exit_code, 2) << mistake.words << result.err;
    EXPECT_THAT(result.err, HasSubstr(mistake.words));
    EXPECT_EQ(result.out, "");
  }
}

TEST_F(PythonBackend, SaysWhatAModuleLacks) {
  const std::string works = module_text("pass", "pass");
  const auto expect_refused = [&](const ProgramResult& result, const std::string& words) {
    EXPECT_EQ(result.exit_code, 2) << words;
    EXPECT_THAT(result.err, HasSubstr(words));
  };
  const auto run_module = [&](const std::string& module, const std::string& backend = "python") {
    return run_program_in(folder_, command(works, {}, "tiny", module, backend));
  };
  expect_refused(run_module(""), "option 'module' is not set");
  expect_refused(run_module("./other.py"), "there is no file");
  expect_refused(run_module("no_such_module"), "No module named 'no_such_module'");
  expect_refused(run(works, {"--option", "args=one two"}), "'one' is not KEY=VALUE");
  expect_refused(run_module("./mine.py", "python:int4"), "has no precision 'int4', only fp32");
  expect_refused(run(works, {}, "shakespeare-llama"), "has no RMS norm, which the model needs");
  expect_refused(run("class Backend:\n    def load(self): pass\n"), "missing: open, forward");
  expect_refused(run(""), "has no class Backend with load, open, forward");
}

TEST_F(PythonBackend, SignalHandlersAndThreadsOfTheModuleDoNotStay) {
  // Handlers that Python sets in load must be gone in forward; a thread may not talk to the host, and is waited for.
  const std::string load =
      "signal.signal(signal.SIGINT, lambda *_: None); signal.signal(signal.SIGTERM, lambda *_: None)\n"
      "        def work():\n            try: inferbench.poll()\n            except RuntimeError as e: print('thread:', "
      "e)\n"
      "        threading.Timer(0.2, work).start()";
  const std::string forward =
      "caught = int([l for l in open('/proc/self/status') if l.startswith('SigCgt')][0].split()[1], 16)\n"
      "        assert not caught & (1 << (signal.SIGINT - 1) | 1 << (signal.SIGTERM - 1)), hex(caught)";
  const ProgramResult result = run(module_text(load, forward));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("thread: only the thread that the host called may talk to the host"));
}

TEST_F(PythonBackend, InterruptsEndIt) {
  const std::string forward = "open('started', 'w').close()\n        import time; time.sleep(100)";
  std::vector<std::string> words = command(module_text("pass", forward));
  words.insert(words.begin(), test_paths::kProgram);
  for (const int number : {SIGINT, SIGTERM}) {
    std::filesystem::remove(folder_ / "started");
    Program program(words, folder_);
    for (int i = 0; i < 500 && !std::filesystem::exists(folder_ / "started"); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    ASSERT_TRUE(std::filesystem::exists(folder_ / "started"));
    const auto begin = std::chrono::steady_clock::now();
    program.signal(number);
    EXPECT_EQ(program.wait().exit_code, 128 + number);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  }
}

TEST_F(PythonBackend, ResultsNameTheInterpreterAndTheModule) {
  std::ofstream(folder_ / "mine.py") << module_text("pass", "pass");
  const ProgramResult result =
      run_program_in(folder_, {"generate", "--backend", "python", "--option", "module=./mine.py", "--model",
                               std::string(test_paths::kData) + "/shakespeare", "--prompt", "a", "--max-tokens", "3"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, Not(HasSubstr("warning")));
  EXPECT_THAT(result.err, ContainsRegex("python:fp32 \\(CPython 3\\.[0-9]+\\.[0-9]+, mine\\.py [0-9a-f]{12}\\)"));
}

// Golden tests check what the recipes compute, where their packages are installed.
TEST_F(PythonBackend, EachRecipeWorksOrNamesTheMissingPackage) {
  int n_recipes = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(test_paths::kDocs) / "../examples")) {
    if (entry.path().extension() != ".py") continue;
    ++n_recipes;
    const ProgramResult result =
        run_program_in(folder_, command("", {}, "tiny", std::filesystem::canonical(entry.path()).string()));
    if (result.exit_code == 0) continue;
    EXPECT_THAT(result.err, ContainsRegex("No module named '[a-z]+' \\(" + entry.path().stem().string() + ".py:"));
    EXPECT_THAT(result.err, HasSubstr("its packages are those of Python 3."));
  }
  EXPECT_GE(n_recipes, 3);
}

TEST_F(PythonBackend, MemoryIsOnTheDeviceThatTheModuleNames) {
  for (const bool on_device : {false, true}) {
    std::ofstream(folder_ / "mine.py") << module_text(on_device ? "self.device = 'cuda:0'" : "self.device = 'cpu:0'",
                                                      "pass");
    const ProgramResult result =
        run_program_in(folder_, {"conformance", "python", "--precision", "fp32", "--option", "module=./mine.py",
                                 "--rule", "life.memory_report", "--json"});
    EXPECT_EQ(result.out.find("memory is on a device") != std::string::npos, on_device) << result.out << result.err;
  }
}

// A module that wraps a library's model classes cannot compute each feature on its own.
TEST_F(PythonBackend, ConformanceAsksForWholeFamiliesIfTold) {
  const std::string load =
      "with open('seen', 'a') as seen: print(description.norm, description.learned_positions, file=seen)";
  const auto asked_for = [&](const std::vector<std::string>& more) {
    std::filesystem::remove(folder_ / "seen");
    std::string text = module_text(load, "pass");
    text.erase(text.find("    features = "), text.find("    def load") - text.find("    features = "));
    std::ofstream(folder_ / "mine.py") << text;
    std::vector<std::string> words = {"conformance", "python",           "--precision", "fp32",
                                      "--option",    "module=./mine.py", "--rule",      "features.rms_norm"};
    words.insert(words.end(), more.begin(), more.end());
    EXPECT_EQ(run_program_in(folder_, words).exit_code, 1);
    std::ostringstream seen;
    seen << std::ifstream(folder_ / "seen").rdbuf();
    return seen.str();
  };
  // First whether GPT-2 is supported at all, then the rule's models.
  EXPECT_THAT(asked_for({}), StartsWith("layer True\nrms True\n"));
  EXPECT_THAT(asked_for({"--whole-families"}), StartsWith("layer True\nrms False\n"));
}

}  // namespace
}  // namespace inferbench
