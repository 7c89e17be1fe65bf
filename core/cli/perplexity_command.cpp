// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "cli/isolated_judge.hpp"
#include "measure/clock.hpp"
#include "model/model.hpp"
#include "plugin/backend.hpp"
#include "plugin/backend_reference.hpp"
#include "quality/agreement.hpp"
#include "quality/window_source.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/optional_json.hpp"
#include "support/print.hpp"

namespace inferbench {
namespace {

struct PerplexityArguments {
  std::string backend;
  std::string reference;
  std::string model;
  std::filesystem::path text;
  std::int32_t batch = 1;
  std::size_t windows = TextWindows::kAll;
  std::size_t stride = 0;
  std::size_t context = 0;
  BackendArguments settings;
  bool json = false;
};

/// Progress through the text: a line that is overwritten on a terminal, otherwise one line every ten seconds.
class Progress {
 public:
  Progress() : terminal_(isatty(STDERR_FILENO) == 1), last_ns_(now_ns()) {}
  ~Progress() {
    if (open_) print_message("\r\x1b[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(std::size_t windows, double share) {
    const double patience_ms = terminal_ ? 100 : 10'000;
    if (elapsed_ms(last_ns_, now_ns()) < patience_ms) return;
    last_ns_ = now_ns();
    const std::string text = fmt::format("{}, {:.0f}% of the text read", counted(windows, "window"), 100 * share);
    print_message("{}", terminal_ ? fmt::format("\r{}\x1b[K", text) : text + "\n");
    open_ = terminal_;
  }

 private:
  bool terminal_;
  bool open_ = false;
  std::uint64_t last_ns_;
};

using WindowBatch = std::vector<Window>;

// Runs before a backend is loaded, so that an unusable text is refused quickly. Keeps what it read: the text may be a
// pipe.
WindowBatch first_batch(const PerplexityArguments& arguments, TextWindows& source) {
  WindowBatch batch = source.next(static_cast<std::size_t>(arguments.batch));
  if (batch.empty()) {
    throw Error(arguments.text.string() + " is too short: there is nothing to predict",
                "give a text of at least two tokens");
  }
  return batch;
}

std::vector<WindowAgreement> judge_text(const PerplexityArguments& arguments, WindowBatch batch, TextWindows& source,
                                        IsolatedJudge& judge) {
  Progress progress;
  std::vector<WindowAgreement> windows;
  for (; !batch.empty(); batch = source.next(static_cast<std::size_t>(arguments.batch))) {
    const auto judged = judge.judge(batch);
    windows.insert(windows.end(), judged.begin(), judged.end());
    progress.show(windows.size(), source.progress());
  }
  return windows;
}

std::string estimate_text(const Estimate& estimate, double scale = 1) {
  std::string text = fmt::format("{:.6g}", estimate.value * scale);
  if (estimate.interval) {
    text += fmt::format("   ({:.6g} to {:.6g})", estimate.interval->low * scale, estimate.interval->high * scale);
  }
  return text;
}

/// The loss of all judged tokens relative to their text: comparable between models with different tokenizers.
struct TextLoss {
  std::optional<double> word_perplexity;  ///< exp(nats / words); absent if there are no words
  std::optional<double> byte_perplexity;  ///< exp(nats / bytes)
  std::optional<double> bits_per_byte;
};

TextLoss text_loss(const Agreement& agreement, const TextSize& size) {
  const double nats = agreement.nll_per_token.value * static_cast<double>(agreement.tokens);
  TextLoss loss;
  if (!std::isfinite(nats)) return loss;
  if (size.words > 0) loss.word_perplexity = std::exp(nats / static_cast<double>(size.words));
  if (size.bytes > 0) {
    loss.byte_perplexity = std::exp(nats / static_cast<double>(size.bytes));
    loss.bits_per_byte = nats / static_cast<double>(size.bytes) / std::log(2.0);
  }
  return loss;
}

void print_text(const PerplexityArguments& arguments, const std::string& backend, const std::string& reference,
                const Agreement& agreement, const TextSize& size) {
  const auto row = [](std::string_view label, const std::string& text) { print_result("  {:<24} {}\n", label, text); };
  print_result("{} on {}, {}: {} in {}   (95% interval over the windows)\n", backend, arguments.model,
               arguments.text.string(), counted(agreement.tokens, "token"), counted(agreement.windows, "window"));
  row("perplexity", estimate_text(agreement.perplexity));
  row("nats per token", estimate_text(agreement.nll_per_token));
  const TextLoss loss = text_loss(agreement, size);
  if (loss.word_perplexity)
    row("perplexity per word", fmt::format("{:.6g}   ({})", *loss.word_perplexity, counted(size.words, "word")));
  if (loss.byte_perplexity)
    row("perplexity per byte", fmt::format("{:.6g}   ({})", *loss.byte_perplexity, counted(size.bytes, "byte")));
  if (loss.bits_per_byte) row("bits per byte", fmt::format("{:.6g}", *loss.bits_per_byte));
  if (agreement.reference) {
    print_result("against {}, perplexity {:.6g}\n", reference, agreement.reference->perplexity);
    row("KL, nats per token", estimate_text(agreement.reference->kl));
    row("top-1 agreement, %", estimate_text(agreement.reference->top1, 100));
    row("top-5 agreement, %", estimate_text(agreement.reference->top5, 100));
    row("largest logit error", estimate_text(agreement.reference->greatest_error));
  }
}

void print_perplexity_json(const PerplexityArguments& arguments, const FoundBackend& tested, const IsolatedJudge& judge,
                           const std::optional<FoundBackend>& reference, std::size_t context,
                           const Agreement& agreement, const TextSize& size) {
  const TextLoss loss = text_loss(agreement, size);
  nlohmann::ordered_json json = {{"backend", tested.plugin.name},
                                 {"precision", tested.precision},
                                 {"device", judge.device()},
                                 {"kernels", judge.kernels()},
                                 {"reference", nullptr},
                                 {"model", arguments.model},
                                 {"text", arguments.text.string()},
                                 {"context", context},
                                 {"stride", arguments.stride == 0 ? context : arguments.stride},
                                 {"threads", arguments.settings.threads}};
  if (reference) json["reference"] = reference->name();
  json.update(to_json(agreement));
  json["words"] = size.words;
  json["bytes"] = size.bytes;
  json["word_perplexity"] = or_null(loss.word_perplexity);
  json["byte_perplexity"] = or_null(loss.byte_perplexity);
  json["bits_per_byte"] = or_null(loss.bits_per_byte);
  print_result("{}\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

ExitCode perplexity(const PerplexityArguments& arguments) {
  const Model model = Model::open(arguments.model);
  TextWindows source(model, arguments.text, arguments.windows, arguments.stride, arguments.context);
  WindowBatch batch = first_batch(arguments, source);
  const FoundBackend tested = find_backend(arguments.backend, arguments.settings);
  std::optional<FoundBackend> reference;
  if (!arguments.reference.empty()) reference = find_backend(arguments.reference, arguments.settings.plugin_dirs);
  IsolatedJudge judge(tested, reference, arguments.settings, model,
                      {static_cast<std::int32_t>(source.context()), arguments.batch}, terminal_callbacks());
  const auto windows = judge_text(arguments, std::move(batch), source, judge);
  const Agreement agreement = summarize_agreement(windows, reference.has_value());
  if (arguments.json) {
    print_perplexity_json(arguments, tested, judge, reference, source.context(), agreement, source.judged());
  } else {
    print_text(arguments, tested.name(), reference ? reference->name() : "", agreement, source.judged());
  }
  if (agreement.not_finite == 0) return ExitCode::kDone;
  print_message("inferbench: error: {} of {} have logits that are not finite, first in {}\n", agreement.not_finite,
                counted(agreement.tokens, "token"), agreement.first_not_finite);
  print_message("inferbench: hint: {}\n", kWrongOutputHint);
  return ExitCode::kCheckFailed;
}

}  // namespace

void add_perplexity_command(CLI::App& app, CommandContext& context) {
  auto arguments = std::make_shared<PerplexityArguments>();
  CLI::App* command = app.add_subcommand(
      "perplexity", "How well a backend predicts a text, and how far its logits are from a reference");
  command->add_option("--backend", arguments->backend, "Backend, precision and device [its first of each]")
      ->required()
      ->type_name(kReferenceForm);
  command->add_option("--model", arguments->model, "Folder or hub name")->required()->type_name("MODEL");
  command->add_option("--text", arguments->text, "Text to predict, of any length")->required()->type_name("FILE");
  command->add_option("--reference", arguments->reference, "Compare all logits with this backend's, such as cpu_ref")
      ->type_name(kReferenceForm);
  command->add_option("--batch", arguments->batch, "Windows per call")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str()
      ->type_name("N");
  command->add_option("--windows", arguments->windows, "Only the first N windows [all]")
      ->check(positive_number())
      ->type_name("N");
  command
      ->add_option(
          "--stride", arguments->stride,
          "Start a window every N tokens. If N is less than the context, windows overlap and each token has at least "
          "context - N tokens before it [the context]")
      ->check(positive_number())
      ->type_name("N");
  command->add_option("--context", arguments->context, "Tokens of a window [the model's context, at most 2048]")
      ->check(positive_number())
      ->type_name("N");
  command->add_option("--option", arguments->settings.options, "Option of the backend, KEY=VALUE; may be given again")
      ->allow_extra_args(false)
      ->type_name("K=V");
  add_threads_option(*command, arguments->settings.threads);
  add_plugin_dir_option(*command, arguments->settings.plugin_dirs);
  add_json_flag(*command, arguments->json);
  command->footer(
      "The text is split into windows of --context tokens. Each starts with an empty cache. The mean is\n"
      "over all tokens except the first, each counted once. Perplexity per word and per byte is comparable between\n"
      "tokenizers; words are separated by white space.\n"
      "  inferbench perplexity --backend cpu_quant:int8 --reference cpu_ref --model gpt2 --text wiki.txt\n"
      "Exit codes: 0 done, 1 logits that are not finite, 2 wrong use or input.");
  command->callback([arguments, &context] { context.exit_code = static_cast<int>(perplexity(*arguments)); });
}

}  // namespace inferbench
