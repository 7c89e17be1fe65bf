// SPDX-License-Identifier: Apache-2.0
//
// model_bench [--plugin LIB.so...] [--precision P...] [--threads N...] [--point NAME...]: full forward passes of
// several contenders in turn, round after round. Between them it measures the machine's limits at that moment. For
// each point it prints the median speed, the share of the limit (ratio of the medians), and the ratio to the first
// contender (median over the rounds, so that drift affects both equally).
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>

#include "measure/affinity.hpp"
#include "model/model.hpp"
#include "model_limit.hpp"
#include "model_point.hpp"

namespace inferbench::bench {
namespace {

struct Settings {
  std::vector<std::string> plugins;
  std::vector<std::string> precisions = {"int8", "int4"};
  std::vector<std::int32_t> threads = {1, 2};
  std::vector<std::string> points = {"decode", "batch8", "prefill32", "prefill512"};
  std::map<std::string, std::string> options;
  std::string model = "synthetic:gpt2";
  int rounds = 7;
};

struct Contender {
  std::string name;
  BackendModel model;
  std::unique_ptr<ReadLimit> read;
  std::unique_ptr<IntegerLimit> integer;
};

struct Series {
  PointRun run;
  std::vector<double> tokens_per_s;
};

std::vector<Contender> make_contenders(const Settings& settings, std::int32_t threads, MachineTeam& team) {
  const Model model = Model::open(settings.model);
  const Weights weights = model.weights();
  std::vector<Contender> contenders;
  for (const std::string& precision : settings.precisions) {
    for (const std::string& path : settings.plugins) {
      const Plugin plugin = Plugin::load(path);
      const OptionValues options(plugin.options(), settings.options);
      BackendModel packed(BackendContext(plugin, threads), weights, precision, options);
      const std::string kernels = packed.info().kernels;
      const std::uint64_t bytes = packed.info().decode_weights_bytes;
      const std::string name = settings.plugins.size() == 1
                                   ? precision
                                   : std::filesystem::path(path).parent_path().filename().string() + "/" +
                                         plugin.path().filename().string() + ":" + precision;
      auto read = std::make_unique<ReadLimit>(team, bytes);
      auto integer = std::make_unique<IntegerLimit>(team, kernels);
      contenders.push_back({name, std::move(packed), std::move(read), std::move(integer)});
    }
  }
  return contenders;
}

double median_ratio(const std::vector<double>& values, const std::vector<double>& base) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < values.size(); ++i) ratios.push_back(values[i] / base[i]);
  return median(ratios);
}

void print_point(const Point& point, std::int32_t threads, const std::vector<Contender>& contenders,
                 const std::vector<Series>& series) {
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    const Series& one = series[i];
    const double speed = median(one.tokens_per_s);
    const auto [least, most] = std::minmax_element(one.tokens_per_s.begin(), one.tokens_per_s.end());
    std::printf("%d thread%s  %-10s  %-28s  %8.1f tok/s (%.1f to %.1f)", threads, threads == 1 ? " " : "s",
                std::string(point.name).c_str(), contenders[i].name.c_str(), speed, *least, *most);
    if (point.is_decode()) {
      const double bytes = static_cast<double>(one.run.weight_bytes()) * speed / point.batch;
      std::printf("  %5.1f of %5.1f GB/s = %3.0f%%", bytes * 1e-9, contenders[i].read->per_second() * 1e-9,
                  100 * bytes / contenders[i].read->per_second());
    } else {
      const double operations = one.run.layer_operations() * speed;
      const double limit = contenders[i].integer->per_second();
      std::printf("  %5.0f of %5.0f GOP/s = %3.0f%%", operations * 1e-9, limit * 1e-9, 100 * operations / limit);
    }
    std::printf("  %.3f of the first  ids %s\n", median_ratio(one.tokens_per_s, series.front().tokens_per_s),
                one.run.digest().c_str());
  }
  std::fflush(stdout);
}

void measure_point(const Settings& settings, const Point& point, std::int32_t threads,
                   const std::vector<Contender>& contenders) {
  std::vector<Series> series;
  for (const Contender& contender : contenders) series.push_back({PointRun(contender.model, point), {}});
  const int times = point.is_decode() ? 1 : 3;
  for (int round = -1; round < settings.rounds; ++round) {
    for (std::size_t i = 0; i < series.size(); ++i) {
      if (point.is_decode()) {
        contenders[i].read->sample();
      } else {
        contenders[i].integer->sample();
      }
      std::vector<double> speeds;
      for (int j = 0; j < times; ++j) speeds.push_back(series[i].run.tokens_per_second());
      if (round >= 0) series[i].tokens_per_s.push_back(median(speeds));  // the first round warms up
    }
  }
  print_point(point, threads, contenders, series);
}

int run(int argc, char** argv) {
  Settings settings;
  CLI::App app{"Whole forward passes of backends against the limits of this machine."};
  app.add_option("--plugin", settings.plugins, "Libraries; each is a contender")->required();
  app.add_option("--precision", settings.precisions, "Precisions; each is a contender");
  app.add_option("--threads", settings.threads);
  std::string names;
  for (const Point& point : all_points()) names += std::string(names.empty() ? "" : ", ") + std::string(point.name);
  app.add_option("--point", settings.points, "Of: " + names);
  app.add_option("--model", settings.model);
  app.add_option("--rounds", settings.rounds)->check(CLI::Range(1, 1000));
  app.add_option_function<std::vector<std::string>>("--option", [&](const std::vector<std::string>& given) {
    for (const std::string& option : given) {
      const auto equals = option.find('=');
      if (equals == std::string::npos) throw CLI::ValidationError("--option", "takes KEY=VALUE");
      settings.options[option.substr(0, equals)] = option.substr(equals + 1);
    }
  });
  CLI11_PARSE(app, argc, argv);
  for (const std::int32_t threads : settings.threads) {
    const ScopedAffinity bound(threads);
    MachineTeam team(bound.cpus());
    const std::vector<Contender> contenders = make_contenders(settings, threads, team);
    for (const std::string& name : settings.points) {
      measure_point(settings, point_named(name), threads, contenders);
    }
  }
  return 0;
}

}  // namespace
}  // namespace inferbench::bench

int main(int argc, char** argv) {
  try {
    return inferbench::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "model_bench: %s\n", error.what());
    return 2;
  }
}
