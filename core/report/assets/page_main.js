// The page: verdict, charts, table, quality, analysis, failures, how it was measured, environment, experiment.

function verdictCard(headline, report) {
  const phase = headline.metric.startsWith("decode") ? "Decode" : "Prefill";
  const own = headline.speeds.find((speed) => speed.contender === headline.fastest);
  const sure = headline.ahead_of_second !== null && headline.ahead_of_second.verdict === "faster";
  const most = Math.max(1, ...headline.speeds.map((speed) => speed.speed_ratio));
  const bars = element("div", { class: "bars" });
  const put = (name, share, text, kind) => bars.append(bar(name, text, kind, share / most));
  for (const speed of headline.speeds) put(speed.contender, speed.speed_ratio, `${speedText(speed)} ${speed.verdict}`, speed.verdict);
  put(report.baseline, 1, "1x baseline", "");
  return element("article", { class: "card" },
    element("h3", {}, `${phase}: ${sure ? "fastest" : "ahead, but not surely"}`),
    element("p", { class: "who" }, headline.fastest),
    element("p", { class: "big" }, own ? ratioText(own.speed_ratio) + "x" : "1x"),
    element("p", { class: headline.fastest_output.compared > 0 && headline.fastest_output.same === 0 ? "warn" : "muted" }, headline.text), bars);
}

function agreementCard(report) {
  const compared = report.agreements.filter((agreement) => agreement.same_output.compared > 0);
  if (compared.length === 0) return null;
  const bars = element("div", { class: "bars" });
  for (const { contender, same_output: output } of compared) {
    bars.append(bar(contender, `${output.same} of ${output.compared} trials`, "", output.same / output.compared));
  }
  return element("article", { class: "card" }, element("h3", {}, "Does it compute the same?"),
    element("p", { class: "muted" }, `Trials in which the tokens were exactly those of ${report.baseline}. Reduced precision may choose another of two nearly equal tokens.`), bars);
}

function failureCard(report) {
  if (report.failed === 0 && report.recorded >= report.planned) return null;
  return element("article", { class: "card" }, element("h3", {}, "Not everything ran"),
    element("p", { class: "big failed" }, String(report.failed)),
    element("p", {}, `of ${report.recorded} trials failed`),
    report.recorded < report.planned ? element("p", { class: "muted" }, `${report.recorded} of ${report.planned} planned trials were run.`) : null,
    report.failed > 0 ? element("p", {}, element("a", { href: "#failures" }, "Which, and why")) : null);
}

function verdictSection(report) {
  const cards = [...report.headlines.map((headline) => verdictCard(headline, report)), agreementCard(report), qualityCard(report), failureCard(report)].filter(Boolean);
  if (cards.length === 0) cards.push(element("p", { class: "muted" }, "No trial has been measured yet."));
  return section("Verdict", "verdict", element("div", { class: "cards" }, ...cards));
}

function speedColumn(label, metricName, report) {
  const speed = (row) => row.result.vs_baseline[metricName];
  return {
    label, best: "most", value: (row) => speed(row) ? speed(row).speed_ratio : null,
    text: (row) => row.result.contender === report.baseline ? "baseline" : speed(row) ? speedLines(speed(row)) : "",
    mark: (row) => speed(row) ? `lines ${speed(row).verdict}` : "",
  };
}

// Axes with several values have columns; the others are said once.
function sweptAxes(report) {
  const values = (axis) => distinct(report.points.map((point) => point[axis.key]));
  const moving = AXES.filter((axis) => values(axis).length > 1);
  const fixed = AXES.filter((axis) => values(axis).length === 1).map((axis) => `${axis.label} ${values(axis)[0]}`);
  return { moving, fixed };
}

function resultColumns(report) {
  const marks = markedCounts(report);
  const marked = report.disturbed.some((mark) => mark.counted) || report.outliers.length > 0;
  const failedText = (row) => row.result.failed === 0 ? String(row.result.ok) : `${row.result.ok}, ${row.result.failed} failed`;
  const models = distinct(report.points.map((point) => point.model));
  const { moving } = sweptAxes(report);
  return [
    { label: "contender", value: (row) => row.result.contender },
    ...(models.length > 1 ? [{ label: "model", value: (row) => row.point.model_name }] : []),
    ...moving.map((axis) => ({ label: axis.label, number: true, value: (row) => row.point[axis.key], text: (row) => String(row.point[axis.key]) })),
    { label: "ttft ms", number: true, value: (row) => metric(row, "ttft_ms") },
    { label: "prefill tok/s", number: true, best: "most", value: (row) => metric(row, "prefill_tokens_per_s") },
    speedColumn("prefill speed", "prefill_tokens_per_s", report),
    { label: "decode ms/tok", number: true, value: (row) => metric(row, "decode_ms_per_token") },
    { label: "decode tok/s", number: true, best: "most", value: (row) => metric(row, "decode_tokens_per_s") },
    speedColumn("decode speed", "decode_tokens_per_s", report),
    { label: "peak MiB", number: true, value: (row) => metric(row, "peak_rss_bytes", "max"), text: (row) => row.result.metrics.peak_rss_bytes ? numberText(metric(row, "peak_rss_bytes", "max") / MIB) : "" },
    { label: "same output", number: true, best: "most", value: (row) => row.result.same_output.compared ? row.result.same_output.same / row.result.same_output.compared : null, text: (row) => row.result.same_output.compared ? `${row.result.same_output.same} of ${row.result.same_output.compared}` : "" },
    ...qualityColumns(report),
    { label: "trials", number: true, value: (row) => row.result.ok, text: failedText, mark: (row) => row.result.failed ? "failed" : "" },
    ...(marked ? [{ label: "marks", value: (row) => { const { disturbed, outliers } = marks(row); return disturbed + outliers || null; }, text: (row) => marksText(marks(row)), mark: (row) => marksText(marks(row)) ? "lines marked" : "" }] : []),
  ];
}

function tableSection(report) {
  const { fixed } = sweptAxes(report);
  const caption = `Medians of the measured trials; a speed is against ${report.baseline}, with the 99% interval that the verdict comes from.` +
    (fixed.length > 0 ? ` All at ${fixed.join(", ")}.` : "");
  return section("All results", "results", new SortingTable(resultColumns(report), rowsOf(report), caption).root);
}

function failuresSection(report) {
  const rows = rowsOf(report).flatMap(({ point, result }) => result.failures.map((failure) => ({ point, result, failure })));
  if (rows.length === 0) return null;
  const table = plainTable([
    { label: "contender", value: (row) => row.result.contender },
    { label: "point", value: (row) => placeText(row.point) },
    { label: "status", value: (row) => row.failure.status, mark: () => "failed" },
    { label: "trials", number: true, value: (row) => row.failure.count, text: (row) => String(row.failure.count) },
    { label: "reason", value: (row) => row.failure.error },
    { label: "last words on stderr", value: (row) => row.failure.stderr_tail },
  ], rows, null, "wide");
  return section("Failures", "failures", element("div", { class: "scroll" }, table));
}

// The leaves of a JSON object: ["cpu model", "AMD EPYC"]; what is unknown is left out.
function leavesOf(value, path = "") {
  if (value === null || value === "") return [];
  if (Array.isArray(value) && value.every((item) => typeof item !== "object")) return value.length ? [[path, value.join(", ")]] : [];
  if (typeof value !== "object") return [[path, String(value)]];
  return Object.entries(value).flatMap(([key, item]) => leavesOf(item, path ? `${path} ${key}` : key));
}

function environmentSection(report) {
  const run = report.run;
  const pairs = [["program", run.program], ["started", run.started], ["run folder", report.folder]];
  for (const plugin of run.plugins) pairs.push([`backend of ${plugin.contender}`, `${plugin.name} ${plugin.version}, ${plugin.build}, SHA-256 ${plugin.sha256.slice(0, 16)}`]);
  for (const model of run.models) pairs.push([`model ${model.name}`, `${model.n_parameters.toLocaleString("en")} parameters, SHA-256 ${model.sha256.slice(0, 16)}, ${model.reference}`]);
  const all = [...pairs, ...leavesOf(run.environment)].filter(([, value]) => value);
  const columns = [{ label: "what", value: (pair) => pair[0] }, { label: "value", value: (pair) => pair[1] }];
  return section("Environment", "environment", plainTable(columns, all.map(([key, value]) => [key.replaceAll("_", " "), value]), null, "pairs"));
}

function show(report) {
  document.title = `${report.name}: inferbench`;
  document.getElementById("name").textContent = report.name;
  const cpu = (report.run.environment.cpu || {}).model;
  document.getElementById("about").textContent = [report.run.started, cpu, report.run.program, `${report.recorded} trials`].filter(Boolean).join(" \u00b7 ");
  const drawn = chartsSection(report);
  const parts = [verdictSection(report), drawn && drawn.root, tableSection(report), qualitySection(report), analysisSection(report), failuresSection(report), remarksSection(report), environmentSection(report),
    section("Experiment", "experiment", element("pre", {}, report.run.experiment))];
  document.getElementById("main").replaceChildren(...parts.filter(Boolean));
  if (drawn) drawn.draw();
  watchSurroundings();
}

show(JSON.parse(document.getElementById("report-data").textContent));
