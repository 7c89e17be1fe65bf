// The page: facts, contents, problems, verdict, speeds, charts, targets, quality, results, analysis, method,
// environment and experiment, in this order.

function verdictCard(headline, report) {
  const phase = headline.metric.startsWith("decode") ? "Decode" : "Prefill";
  const own = headline.speeds.find((speed) => speed.contender === headline.fastest);
  const ahead = headline.ahead_of_second;
  const speed = own || ahead;
  const other = own ? report.baseline : headline.second;
  return element("article", { class: "card" },
    element("h3", {}, `${phase}: ${headline.standing}`),
    element("p", { class: "who" }, breakable(headline.fastest)),
    element("p", { class: "big" }, speed ? ratioText(speed.speed_ratio) + "x" : "-", " ", element("small", {}, "the speed of ", breakable(other))),
    element("p", { class: headline.fastest_output.compared > 0 && headline.fastest_output.same === 0 ? "warn" : "muted" }, breakable(headline.text)));
}

function agreementCard(report) {
  const compared = report.agreements.filter((agreement) => agreement.same_output.compared > 0);
  if (compared.length === 0) return null;
  const bars = element("div", { class: "bars" });
  for (const { contender, same_output: output } of compared) {
    bars.append(bar(contender, `${output.same} of ${counted(output.compared, "trial")}`, output.same === 0 ? "slower" : "", output.same / output.compared));
  }
  return element("article", { class: "card" }, element("h3", {}, "Same output"),
    element("p", { class: "muted" }, `Trials whose tokens were exactly those of ${report.baseline}. At reduced precision, the other of two nearly equally likely tokens may win.`), bars);
}

function incompleteCard(report) {
  if (report.recorded >= report.planned) return null;
  return element("article", { class: "card" }, element("h3", {}, "Not finished"),
    element("p", { class: "big" }, String(report.recorded)), element("p", {}, `of ${counted(report.planned, "planned trial")} ${report.recorded === 1 ? "was" : "were"} run.`));
}

// Cards with the measured values, for runs without a comparison.
function valueCards(report) {
  if (report.headlines.length > 0) return [];
  const cards = [];
  for (const { name: contender } of report.run.contenders) {
    for (const [name, title] of [["decode_tokens_per_s", "Decode"], ["prefill_tokens_per_s", "Prefill"], ["output_tokens_per_s", "Output under load"]]) {
      const values = rowsOf(report).filter(({ result }) => result.contender === contender).map((row) => metric(row, name)).filter((value) => value !== null);
      if (values.length === 0) continue;
      const [low, high] = [Math.min(...values), Math.max(...values)];
      cards.push(element("article", { class: "card" }, element("h3", {}, title), element("p", { class: "who" }, breakable(contender)),
        element("p", { class: "big" }, low === high ? numberText(low) : `${numberText(low)} to ${numberText(high)}`, " ", element("small", {}, "tokens/s")),
        element("p", { class: "muted" }, `${values.length === 1 ? "Median of the blocks" : `Medians at ${counted(values.length, "point")}`}; nothing to compare with.`)));
    }
  }
  return cards;
}

function verdictSection(report) {
  const cards = [...report.headlines.map((headline) => verdictCard(headline, report)), ...valueCards(report), agreementCard(report), qualityCard(report), incompleteCard(report)].filter(Boolean);
  if (cards.length === 0) cards.push(element("p", { class: "muted" }, "No measured trial succeeded."));
  const forests = report.headlines.map((headline) => element("div", { class: "panel" },
    element("h3", {}, headline.metric.startsWith("decode") ? "Decode speed" : "Prefill speed"), overallForest(report, headline)));
  return section("Verdict", "verdict", element("div", { class: "cards" }, ...cards), forests.length > 0 ? element("div", { class: "panels" }, ...forests) : null);
}

function speedColumn(label, metricName, report) {
  const speed = (row) => row.result.vs_baseline[metricName];
  return {
    label, best: "most", value: (row) => speed(row) ? speed(row).speed_ratio : null,
    text: (row) => row.result.contender === report.baseline ? "baseline" : speed(row) ? speedLines(speed(row)) : "",
    mark: (row) => speed(row) ? `lines ${speed(row).verdict}` : "",
  };
}

// Axes with several values get columns; the others are mentioned once.
function sweptAxes(report) {
  const values = (axis) => distinct(report.points.map((point) => point[axis.key]));
  const moving = AXES.filter((axis) => values(axis).length > 1);
  const fixed = AXES.filter((axis) => values(axis).length === 1 && values(axis)[0]).map((axis) => `${axis.label} ${values(axis)[0]}`);
  return { moving, fixed };
}

// withAxes: true for a table with rows of several points.
function resultColumns(report, withAxes) {
  const marks = markedCounts(report);
  const marked = report.disturbed.some((mark) => mark.counted) || report.outliers.length > 0;
  const failedText = (row) => row.result.failed === 0 ? String(row.result.ok) : `${row.result.ok} ok, ${row.result.failed} ${failureAt(row.result) || "failed"}`;
  const models = distinct(report.points.map((point) => point.model));
  const { moving } = sweptAxes(report);
  const compared = report.run.contenders.length > 1;
  return [
    { label: "contender", value: (row) => row.result.contender, head: true },
    ...(withAxes && models.length > 1 ? [{ label: "model", value: (row) => row.point.model_name }] : []),
    ...(withAxes ? moving : []).map((axis) => ({ label: axis.label, number: !axis.words, value: (row) => row.point[axis.key], text: (row) => String(row.point[axis.key]) })),
    { label: "ttft ms", number: true, value: (row) => metric(row, "ttft_ms") },
    { label: "prefill tok/s", number: true, best: "most", value: (row) => metric(row, "prefill_tokens_per_s") },
    ...(compared ? [speedColumn("prefill speed", "prefill_tokens_per_s", report)] : []),
    { label: "decode ms/tok", number: true, value: (row) => metric(row, "decode_ms_per_token") },
    { label: "decode tok/s", number: true, best: "most", value: (row) => metric(row, "decode_tokens_per_s") },
    ...(compared ? [speedColumn("decode speed", "decode_tokens_per_s", report)] : []),
    { label: "peak MiB", number: true, value: (row) => metric(row, "peak_rss_bytes", "max"), text: (row) => row.result.metrics.peak_rss_bytes ? numberText(metric(row, "peak_rss_bytes", "max") / MIB) : "" },
    ...report.metrics.filter((one) => one.kind === "energy").map((one) => ({ label: one.column, number: true, value: (row) => metric(row, one.name) })),
    ...(!compared ? [] : [{ label: "same output", number: true, best: "most", value: (row) => row.result.same_output.compared ? row.result.same_output.same / row.result.same_output.compared : null, text: (row) => row.result.same_output.compared ? `${row.result.same_output.same} of ${row.result.same_output.compared}` : "" }]),
    ...qualityColumns(report),
    { label: "trials", number: true, value: (row) => row.result.ok, text: failedText, mark: (row) => row.result.failed ? "failed" : "" },
    ...(marked ? [{ label: "marks", value: (row) => { const { disturbed, outliers } = marks(row); return disturbed + outliers || null; }, text: (row) => marksText(marks(row)), mark: (row) => marksText(marks(row)) ? "lines marked" : "" }] : []),
  ];
}

function tableSection(report) {
  const { fixed } = sweptAxes(report);
  const caption = `Medians of the measured trials; a speed is relative to ${report.baseline}, with the 99% interval that the verdict comes from.` +
    (fixed.length > 0 ? ` All at ${fixed.join(", ")}.` : "");
  const rows = rowsOf(report);
  return section("All results", "results", folded(`${counted(rows.length, "row")}, to sort and filter`, () => new SortingTable(resultColumns(report, true), rows, caption).root));
}

// The leaf values of a JSON object: ["cpu model", "AMD EPYC"], without unknown ones.
function leavesOf(value, path = "") {
  if (value === null || value === "") return [];
  if (Array.isArray(value) && value.every((item) => typeof item !== "object")) return value.length ? [[path, value.join(", ")]] : [];
  if (typeof value !== "object") return [[path, String(value)]];
  return Object.entries(value).flatMap(([key, item]) => leavesOf(item, path ? `${path} ${key}` : key));
}

function environmentSection(report) {
  const run = report.run;
  const pairs = [["program", run.program], ["started", run.started], ["run folder", report.folder]];
  for (const plugin of run.plugins) pairs.push([`backend of ${plugin.contender}`, plugin.sha256 === "" ? `the server at ${plugin.path}` : `${plugin.name} ${plugin.version}, ${plugin.build}, SHA-256 ${plugin.sha256.slice(0, 16)}`]);
  for (const model of run.models) pairs.push([`model ${model.name}`, `${model.n_parameters.toLocaleString("en")} parameters, SHA-256 ${model.sha256.slice(0, 16)}, ${model.reference}`]);
  const all = [...pairs, ...leavesOf(run.environment)].filter(([, value]) => value).map(([key, value]) => [key.replaceAll("_", " "), value]);
  const columns = [{ label: "what", value: (pair) => pair[0], head: true }, { label: "value", value: (pair) => pair[1], mark: () => "prose" }];
  return section("Environment", "environment", folded(counted(all.length, "fact"), () => plainTable(columns, all, null, "pairs")));
}

function parametersText(count) {
  return count >= 1e9 ? `${(count / 1e9).toPrecision(3)}B` : count >= 1e6 ? `${(count / 1e6).toPrecision(3)}M` : String(count);
}

function coresText(cpu) {
  const usable = Array.isArray(cpu.usable) ? cpu.usable.length : cpu.usable;
  if (!usable) return "";
  return cpu.online && cpu.online !== usable ? `${usable} of ${cpu.online} usable` : String(usable);
}

// "NVIDIA H200 (cuda:0), driver 580.1" for each device.
function devicesText(devices) {
  return Object.entries(devices || {}).map(([id, one]) => one.name ? `${one.name} (${id})${one.driver ? `, driver ${one.driver}` : ""}` : `${id} (${one.problem})`).join("; ");
}

// Facts that the numbers depend on, one line each.
function factsOf(report) {
  const { cpu = {}, memory = {}, system = {} } = report.run.environment;
  const several = report.run.models.length > 1 ? "models" : "model";
  const failed = report.failed > 0 ? `, ${report.failed} failed` : "";
  return [
    ["processor", cpu.model], ["cores", coresText(cpu)], ["devices", devicesText(report.run.environment.devices)],
    ["memory", memory.total_bytes ? `${(memory.total_bytes / MIB / 1024).toFixed(1)} GiB` : ""],
    ["system", [system.os, system.kernel].filter(Boolean).join(", ")],
    [several, report.run.models.map((model) => `${model.name} (${parametersText(model.n_parameters)} parameters)`).join(", ")],
    ["contenders", String(report.run.contenders.length)], ["points", String(report.points.length)], ["blocks", String(report.run.blocks)],
    ["trials", `${report.recorded} of ${report.planned} planned${failed}`], ["started", report.run.started], ["program", report.run.program],
  ].filter(([, value]) => value);
}

function contents(parts) {
  return parts.map((part) => element("li", {}, element("a", { href: `#${part.id}` }, part.querySelector("h2").textContent)));
}

function show(report) {
  document.title = `${report.name}: inferbench`;
  document.getElementById("name").replaceChildren(breakable(report.name));
  document.getElementById("about").replaceChildren(...factsOf(report).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, breakable(value)))));
  const drawn = chartsSection(report);
  const parts = [problemsSection(report), verdictSection(report), speedsSection(report), drawn && drawn.root, servingSection(report), targetsSection(report), qualitySection(report), tableSection(report),
    analysisSection(report), remarksSection(report), environmentSection(report),
    section("Experiment", "experiment", folded(counted(report.run.experiment.trimEnd().split("\n").length, "line"), () => element("pre", {}, report.run.experiment)))].filter(Boolean);
  document.getElementById("contents").replaceChildren(...contents(parts));
  document.getElementById("main").replaceChildren(...parts);
  if (drawn) drawn.draw();
  watchSurroundings();
}

show(JSON.parse(document.getElementById("report-data").textContent));
