// SPDX-License-Identifier: Apache-2.0
// Frames and messages: both ends accept valid ones and refuse invalid ones.
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdint>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "results/outcome_json.hpp"
#include "run/child_process.hpp"
#include "run/process_runner.hpp"
#include "support/error.hpp"
#include "support/shortage.hpp"
#include "support/test_paths.hpp"
#include "unit/results_fixture.hpp"
#include "worker/frame.hpp"
#include "worker/messages.hpp"

namespace inferbench {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Json = nlohmann::json;
using testing::AnyOf;
using testing::HasSubstr;

LoadRequest sample_load() {
  LoadRequest request;
  request.contender = "c";
  request.plugin = "/nowhere/libx.so";
  request.model = "synthetic:gpt2";
  request.model_base = "/";
  request.precision = "fp32";
  request.options = {{"tile", "32"}};
  request.device = "card:0";
  request.threads = 2;
  request.timeout_s = 1.5;
  request.memory_bytes = std::uint64_t{1} << 40U;
  return request;
}

TrialRequest sample_request() {
  TrialRequest request;
  request.batch = 2;
  request.prompt_tokens = 3;
  request.generate_tokens = 4;
  request.past_tokens = 1;
  request.prompts = {1, 2, 3, 50000, 5, -1, 6, 7};
  request.timeout_s = 2;
  request.profile = true;
  return request;
}

TrialOutcome sample_outcome() {
  TrialOutcome outcome = test::sample_trial("a", 0, 2).outcome;
  outcome.profile = {{"attn", 3, 1, 10, 20, 30, 40}};
  outcome.submit_ns = 5;
  return outcome;
}

Bytes payload_of(const Json& message) {
  const Bytes frame = encode_frame(message);
  return {frame.begin() + 4, frame.end()};
}

TEST(Messages, SurviveTheirFrames) {
  const Json load = decode_payload(payload_of(load_message(7, sample_load())));
  EXPECT_EQ(sequence_of(load), 7U);
  EXPECT_EQ(operation_of(load), Operation::kLoad);
  EXPECT_EQ(load_request_of(load), sample_load());
  const Json run = decode_payload(payload_of(run_message(8, sample_request())));
  EXPECT_EQ(operation_of(run), Operation::kRun);
  EXPECT_EQ(trial_request_of(run), sample_request());
  const Json answer = decode_payload(payload_of(outcome_message(8, to_json(sample_outcome()))));
  const TrialOutcome outcome = trial_outcome_from(outcome_of(answer, 8));
  EXPECT_EQ(to_json(outcome), to_json(sample_outcome()));
  EXPECT_THROW(outcome_of(answer, 9), ProtocolError);
  EXPECT_NO_THROW(check_hello(decode_payload(payload_of(hello_message()))));
  EXPECT_THROW(check_hello(Json{{"hello", 99}}), ProtocolError);
}

OperatorRequest sample_operator() {
  OperatorRequest request;
  request.contender = "c";
  request.plugin = "/nowhere/libx.so";
  request.precision = "int8";
  request.options = {{"isa", "generic"}};
  request.threads = 3;
  request.spec.op = IB_OP_LAYER;
  request.spec.rows = 5;
  request.spec.hidden_size = 24;
  request.spec.heads = 4;
  request.spec.kv_heads = 2;
  request.spec.head_dim = 10;
  request.spec.intermediate_size = 7;
  request.spec.past = 11;
  request.spec.window = 9;
  request.spec.soft_cap = 30;
  request.spec.activation = IB_ACTIVATION_RELU;
  request.spec.norm = IB_NORM_RMS;
  request.spec.bias = 2;
  request.spec.gated = request.spec.rotary = request.spec.qk_norm = request.spec.post_norm = 1;
  request.spec.norm_epsilon = 1e-3;
  request.seed = std::uint64_t{1} << 63U;
  request.cache = OperatorCache::kHot;
  request.timeout_s = 9;
  request.memory_bytes = 10;
  request.device_cache_bytes = 11;
  return request;
}

TEST(Messages, OfOperatorsSurviveTheirFrames) {
  const Json prepare = decode_payload(payload_of(prepare_message(3, sample_operator())));
  EXPECT_EQ(operation_of(prepare), Operation::kPrepare);
  EXPECT_EQ(prepare_request_of(prepare), sample_operator());
  const Json sample = decode_payload(payload_of(sample_message(4, {0.25, 3})));
  EXPECT_EQ(operation_of(sample), Operation::kSample);
  EXPECT_EQ(sample_request_of(sample), (OperatorSampleRequest{0.25, 3}));

  OperatorPrepared prepared;
  prepared.status = TrialStatus::kOk;
  prepared.output = {1.5F, -0.0F, std::numeric_limits<float>::infinity()};
  prepared.weights_bytes = 7;
  prepared.kv_bytes = 8;
  prepared.n_copies = 9;
  prepared.kernels = "avx2";
  prepared.weight_bits = 4;
  prepared.integer_products = true;
  const Json answer = decode_payload(payload_of(outcome_message(3, to_json(prepared))));
  const OperatorPrepared back = operator_prepared_from(outcome_of(answer, 3));
  EXPECT_EQ(back.output, prepared.output);
  EXPECT_EQ(to_json(back), to_json(prepared));
  OperatorSample time;
  time.status = TrialStatus::kOk;
  time.runs = 12;
  time.run_s = 1e-6;
  time.change = std::numeric_limits<double>::infinity();
  time.interference.steal_ms = 4;
  const Json timed = decode_payload(payload_of(outcome_message(4, to_json(time))));
  EXPECT_EQ(to_json(operator_sample_from(outcome_of(timed, 4))), to_json(time));
}

TEST(Messages, OfOperatorsRefuseImpossibleNumbers) {
  const auto changed = [](auto change) {
    Json message = prepare_message(1, sample_operator());
    change(message["request"]);
    return message;
  };
  EXPECT_THROW(prepare_request_of(changed([](Json& r) { r["threads"] = 0; })), ProtocolError);
  EXPECT_THROW(prepare_request_of(changed([](Json& r) { r["threads"] = 1'000'000; })), ProtocolError);
  EXPECT_THROW(prepare_request_of(changed([](Json& r) { r["operator"]["op"] = "conv"; })), ProtocolError);
  EXPECT_THROW(prepare_request_of(changed([](Json& r) { r["operator"]["shape"]["tokens"] = -1; })), ProtocolError);
  EXPECT_THROW(prepare_request_of(changed([](Json& r) { r["operator"]["shape"].erase("heads"); })), ProtocolError);
  EXPECT_THROW(prepare_request_of(changed([](Json& r) {
                 r["operator"]["shape"]["heads"] = 1 << 20;
                 r["operator"]["shape"]["head_dim"] = 1 << 20;
               })),
               ProtocolError);
  EXPECT_THROW(prepare_request_of(changed([](Json& r) { r["cache"] = "warm"; })), ProtocolError);
  EXPECT_THROW(prepare_request_of(changed([](Json& r) { r.erase("timeout_s"); })), ProtocolError);
  EXPECT_THROW(sample_request_of(sample_message(1, {0, 1})), ProtocolError);
  EXPECT_THROW(sample_request_of(sample_message(1, {1e9, 1})), ProtocolError);
}

TEST(Messages, RefuseImpossibleNumbers) {
  const auto changed = [](Json message, const char* key, Json value) {
    message["request"][key] = std::move(value);
    return message;
  };
  const Json load = load_message(1, sample_load());
  EXPECT_THROW(load_request_of(changed(load, "threads", 0)), ProtocolError);
  EXPECT_THROW(load_request_of(changed(load, "threads", 1'000'000'000)), ProtocolError);
  EXPECT_THROW(load_request_of(changed(load, "threads", "two")), ProtocolError);
  EXPECT_THROW(load_request_of(changed(load, "timeout_s", std::nan(""))), ProtocolError);
  const Json run = run_message(1, sample_request());
  EXPECT_THROW(trial_request_of(changed(run, "batch", 3)), ProtocolError);  // 6 prompt ids do not fit this batch
  EXPECT_THROW(trial_request_of(changed(run, "batch", (std::int64_t{1} << 32) + 2)), ProtocolError);
  EXPECT_THROW(trial_request_of(changed(run, "generate_tokens", std::int64_t{1} << 26)), ProtocolError);
  EXPECT_THROW(operation_of(Json{{"op", "format"}}), ProtocolError);
}

TEST(FrameBuffer, PutsTogetherWhatComesInPieces) {
  const Bytes one = encode_frame(Json{{"a", 1}});
  const Bytes two = encode_frame(Json{{"b", std::string(1000, 'x')}});
  Bytes stream(one);
  stream.insert(stream.end(), two.begin(), two.end());
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{7}, stream.size()}) {
    FrameBuffer buffer;
    std::vector<Json> messages;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      buffer.append(std::span(stream).subspan(at, std::min(piece, stream.size() - at)));
      while (const auto payload = buffer.next()) messages.push_back(decode_payload(*payload));
    }
    ASSERT_EQ(messages.size(), 2U) << piece;
    EXPECT_EQ(messages[0].at("a"), 1);
    EXPECT_EQ(messages[1].at("b").get<std::string>().size(), 1000U);
  }
}

TEST(FrameBuffer, RefusesAnImpossibleLength) {
  FrameBuffer buffer;
  buffer.append(Bytes{0xff, 0xff, 0xff, 0xff});
  EXPECT_THROW(buffer.next(), ProtocolError);
}

TEST(Frame, RefusesDepthBeforeItRecurses) {
  const Bytes arrays(10'000'000, 0x91);  // nested arrays of one element
  EXPECT_THROW(decode_payload(arrays), ProtocolError);
  Bytes objects;
  for (int i = 0; i < 1'000'000; ++i) objects.insert(objects.end(), {0x81, 0xa0});  // {"": {"": ...
  EXPECT_THROW(decode_payload(objects), ProtocolError);
}

TEST(Frame, RefusesWhatIsNotOneValue) {
  EXPECT_THROW(decode_payload({}), ProtocolError);
  EXPECT_THROW(decode_payload(Bytes{0xc1}), ProtocolError);                               // never used by MessagePack
  EXPECT_THROW(decode_payload(Bytes{0x01, 0x02}), ProtocolError);                         // two values
  EXPECT_THROW(decode_payload(Bytes{0xdd, 0xff, 0xff, 0xff, 0xff, 1}), ProtocolError);    // an array of 2^32 - 1
  EXPECT_THROW(decode_payload(Bytes{0xdb, 0xff, 0xff, 0xff, 0xff, 'x'}), ProtocolError);  // a string of 4 GiB
}

Bytes mutated(Bytes bytes, std::mt19937& random) {
  std::uniform_int_distribution<int> byte(0, 255);
  std::uniform_int_distribution<int> n_changes(1, 6);
  for (int i = n_changes(random); i > 0 && !bytes.empty(); --i) {
    const auto at = std::uniform_int_distribution<std::size_t>(0, bytes.size() - 1)(random);
    const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    switch (byte(random) % 4) {
      case 0:
        *place = static_cast<std::uint8_t>(byte(random));
        break;
      case 1:
        bytes.erase(place);
        break;
      case 2:
        bytes.insert(place, static_cast<std::uint8_t>(byte(random)));
        break;
      default:
        bytes.resize(at);
    }
  }
  return bytes;
}

// Any input is read or refused. Any other exception fails the test; a crash ends it.
template <typename Read>
bool read_or_refused(Read read) {
  try {
    read();
    return true;
  } catch (const ProtocolError&) {
  } catch (const Error&) {
  } catch (const Json::exception&) {  // from the outcome readers; ProcessRunner handles it
  }
  return false;
}

TEST(ProtocolFuzz, MutatedMessagesAreReadOrRefused) {
  std::mt19937 random(1);
  const std::vector<Bytes> seeds{
      payload_of(load_message(1, sample_load())), payload_of(run_message(2, sample_request())),
      payload_of(outcome_message(3, to_json(sample_outcome()))), payload_of(hello_message())};
  int read = 0;
  constexpr int kRounds = 20'000;
  for (int round = 0; round < kRounds; ++round) {
    const Bytes payload = mutated(seeds[static_cast<std::size_t>(round) % seeds.size()], random);
    Json message;
    if (!read_or_refused([&] { message = decode_payload(payload); })) continue;
    read += read_or_refused([&] { load_request_of(message); });
    read += read_or_refused([&] { trial_request_of(message); });
    read += read_or_refused([&] { trial_outcome_from(outcome_of(message, 3)); });
    read_or_refused([&] { check_hello(message); });
  }
  EXPECT_GT(read, 0);        // some mutated messages are still valid,
  EXPECT_LT(read, kRounds);  // most are not
}

TEST(ProtocolFuzz, RandomBytesAreRefused) {
  std::mt19937 random(2);
  std::uniform_int_distribution<int> byte(0, 255);
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes(static_cast<std::size_t>(round % 200));
    for (auto& value : bytes) value = static_cast<std::uint8_t>(byte(random));
    read_or_refused([&] {
      FrameBuffer buffer;
      buffer.append(bytes);
      while (const auto payload = buffer.next()) trial_request_of(decode_payload(*payload));
    });
  }
}

// The worker's side: a real worker receives a damaged request. It ends with its own exit code or, if the frame is
// incomplete, when the socket closes. It never dies from a signal.
TEST(ProtocolFuzz, AWorkerStandsDamagedRequests) {
  std::mt19937 random(3);
  for (int round = 0; round < 40; ++round) {
    ChildProcess worker({test_paths::kProgram, "worker"});
    Bytes frame = encode_frame(round % 2 == 0 ? load_message(1, sample_load()) : run_message(1, sample_request()));
    frame = mutated(std::move(frame), random);
    ASSERT_EQ(send(worker.socket(), frame.data(), frame.size(), MSG_NOSIGNAL), static_cast<ssize_t>(frame.size()));
    const ChildEnd end = worker.stop(20);
    EXPECT_EQ(end.signal, 0) << round << ": " << worker.output_tail();
    EXPECT_THAT(end.exit_code, AnyOf(0, kExitProtocol)) << round << ": " << worker.output_tail();
  }
}

// The host's side: a worker sends damaged answers.
TEST(ProtocolFuzz, AHostStandsDamagedAnswers) {
  std::mt19937 random(4);
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "answer";
  for (int round = 0; round < 40; ++round) {
    Bytes stream = encode_frame(hello_message());
    Bytes answer = encode_frame(outcome_message(1, to_json(LoadOutcome{})));
    stream.insert(stream.end(), answer.begin(), answer.end());
    stream = mutated(std::move(stream), random);
    std::ofstream(file, std::ios::binary)
        .write(reinterpret_cast<const char*>(stream.data()), static_cast<std::streamsize>(stream.size()));
    ProcessRunner runner({"/bin/sh", "-c", "cat " + file.string() + " >&3"});
    const LoadOutcome outcome = runner.load(sample_load());
    EXPECT_NE(outcome.status, TrialStatus::kOk);
    EXPECT_FALSE(runner.loaded());
  }
}

TEST(ProcessRunner, SaysHowAWorkerEnded) {
  const auto load_with = [](const std::string& script) {
    return ProcessRunner({"/bin/sh", "-c", script}).load(sample_load());
  };
  LoadOutcome outcome = load_with("echo first; echo last words >&2; exit 5");
  EXPECT_EQ(outcome.status, TrialStatus::kCrashed);
  EXPECT_THAT(outcome.error, HasSubstr("exited with code 5"));
  EXPECT_EQ(outcome.stderr_tail, "first\nlast words");
  outcome = load_with("kill -SEGV $$");
  EXPECT_THAT(outcome.error, HasSubstr("killed by signal 11 (Segmentation fault)"));
  EXPECT_THROW(ProcessRunner({"/nowhere/inferbench"}).load(sample_load()), ShortageError) << "no fault of a backend";
}

// What a worker's load ends with that sends these messages and then runs a shell's commands.
LoadOutcome outcome_after(const std::vector<Json>& messages, const std::string& end, const LoadRequest& request) {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "answer";
  std::ofstream stream(file, std::ios::binary);
  for (const Json& message : messages) {
    const Bytes frame = encode_frame(message);
    stream.write(reinterpret_cast<const char*>(frame.data()), static_cast<std::streamsize>(frame.size()));
  }
  stream.close();
  return ProcessRunner({"/bin/sh", "-c", "cat " + file.string() + " >&3; " + end}).load(request);
}

TEST(ProcessRunner, SaysWhatTheWorkerWasTakingDown) {
  const Json hello = hello_message();
  EXPECT_THAT(outcome_after({hello, teardown_message("shutdown", "")}, "exit 3", sample_load()).error,
              HasSubstr("in shutdown: the worker exited with code 3"));
  EXPECT_THAT(
      outcome_after({hello, teardown_message("shutdown", ""), teardown_message("", "")}, "exit 3", sample_load()).error,
      testing::StartsWith("the worker exited with code 3"));
  EXPECT_THAT(outcome_after({hello, teardown_message("model_destroy", "")}, "sleep 60", sample_load()).error,
              HasSubstr("in model_destroy: longer than 1.5 s"));
}

// A stop signal that only the worker receives: the host is its parent and is notified.
TEST(ProcessRunner, SaysThatASignalStoppedTheWorker) {
  LoadRequest request = sample_load();
  request.timeout_s = 0.1;
  const LoadOutcome outcome = outcome_after({hello_message()}, "kill -STOP $$; sleep 60", request);
  EXPECT_EQ(outcome.status, TrialStatus::kTimeout);
  EXPECT_THAT(outcome.error, HasSubstr("SIGSTOP stopped it"));
}

TEST(ChildProcess, TellsAStopOnce) {
  ChildProcess child({"/bin/sh", "-c", "kill -TSTP $$; sleep 0.1; exit 0"});
  while (child.take_stop() == 0) poll(nullptr, 0, 5);
  EXPECT_EQ(child.take_stop(), 0);
  EXPECT_TRUE(child.kill().by_host);
}

TEST(Messages, OfTheEndSurviveTheirFrames) {
  const Json unload = decode_payload(payload_of(unload_message(9)));
  EXPECT_EQ(operation_of(unload), Operation::kUnload);
  const auto step = teardown_step_of(decode_payload(payload_of(teardown_message("shutdown", "two\nlines"))));
  ASSERT_TRUE(step);
  EXPECT_EQ(step->call, "shutdown");
  EXPECT_EQ(step->problem, "two lines");
  EXPECT_FALSE(teardown_step_of(unload));
  EXPECT_FALSE(teardown_step_of(Json(3)));
  EXPECT_THROW(teardown_step_of(Json{{"teardown", 3}}), ProtocolError);
}

TEST(TextTail, KeepsTheEndInBoundedMemory) {
  TextTail tail;
  EXPECT_EQ(tail.text(), "");
  for (int i = 0; i < 100'000; ++i) tail.append("line " + std::to_string(i) + "\x1b[31m\n");
  const std::string text = tail.text();
  EXPECT_LE(text.size(), 2048U);
  EXPECT_THAT(text, testing::EndsWith("line 99999 [31m"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 19);
  tail.append(std::string(100'000, 'x'));
  EXPECT_LE(tail.text().size(), 2048U);
}

}  // namespace
}  // namespace inferbench
