// The analysis: shares of the variance, scaling exponents, thread scaling.

const AXIS_NAMES = {
  contender: "contender", model: "model", prompt_tokens: "prompt length", generate_tokens: "generated length", batch: "batch",
  threads: "threads", past_tokens: "past", shared_prefix_tokens: "shared prefix", node: "node", run: "run", model_size: "model size", context: "context",
};

function axisName(axis) {
  return AXIS_NAMES[axis] || axis;
}

function percentText(share) {
  return `${(share * 100).toFixed(1)}%`;
}

function exponentText(one) {
  const text = (value) => (value.toFixed(2) === "-0.00" ? 0 : value).toFixed(2);
  return text(one.exponent) + (one.interval_95 ? ` (${text(one.interval_95[0])} to ${text(one.interval_95[1])})` : "");
}

// The time and the rate of a phase carry the same information, so the page shows only one of them.
function shownMetrics(analysis) {
  return analysis.metrics.filter((one) => one.metric !== "decode_ms_per_token");
}

function varianceCard(metric, report) {
  const variance = metric.variance;
  if (!variance) return null;
  const parts = [...variance.axes].sort((a, b) => b.share - a.share).map((axis) => [`${axisName(axis.axis)} (${counted(axis.levels, "value")})`, axis.share]);
  parts.push(["interactions of axes", variance.interactions], ["noise between repeats", variance.repeats]);
  const bars = element("div", { class: "bars" });
  for (const [name, share] of parts) bars.append(bar(name, percentText(share), "", share));
  return element("article", { class: "card" }, element("h3", {}, metricInfo(report, metric.metric).title),
    element("p", { class: "muted" }, `${counted(variance.trials, "trial")} of ${counted(variance.configurations, "configuration")}`), bars);
}

function varianceTable(metrics) {
  const rows = metrics.filter((metric) => metric.variance).flatMap((metric) => [
    ...metric.variance.axes.map((axis) => [metric, axisName(axis.axis), axis.share, axis.levels]),
    [metric, "interactions of axes", metric.variance.interactions, null], [metric, "noise between repeats", metric.variance.repeats, null]]);
  return foldedTable("Shares as a table", () => plainTable([
    { label: "metric", value: (row) => row[0].metric }, { label: "source", value: (row) => row[1] },
    { label: "share", number: true, value: (row) => row[2], text: (row) => percentText(row[2]) },
    { label: "values", number: true, value: (row) => row[3], text: (row) => row[3] === null ? "" : String(row[3]) }], rows, null, "wide"));
}

// A rate is the inverse of a time, so its exponent has the opposite sign and is left out.
function scalingTable(metrics) {
  const rows = metrics.filter((metric) => !metric.metric.endsWith("_per_s")).flatMap((metric) => metric.scaling.map((one) => ({ metric, one })));
  if (rows.length === 0) return null;
  const place = (value) => value >= 1e6 ? `${+(value / 1e6).toPrecision(4)}M` : String(+value.toPrecision(6));
  return foldedTable(`How it scales: ${counted(rows.length, "exponent")}`, () =>
    plainTable([
      { label: "metric", value: (row) => row.metric.metric }, { label: "axis", value: (row) => axisName(row.one.axis) },
      { label: "contender", value: (row) => row.one.contender },
      { label: "exponent", number: true, value: (row) => row.one.exponent, text: (row) => exponentText(row.one) },
      { label: "from", number: true, value: (row) => row.one.from, text: (row) => place(row.one.from) },
      { label: "to", number: true, value: (row) => row.one.to, text: (row) => place(row.one.to) },
      { label: "configurations", number: true, value: (row) => row.one.configurations, text: (row) => String(row.one.configurations) }], rows, null, "wide"),
  "Metric ~ axis^exponent, the other axes held fixed, with the 95% interval: 1 doubles with the axis, 0 does not change, -1 halves.");
}

function threadsTable(metrics) {
  const rows = metrics.flatMap((metric) => metric.threads.map((one) => ({ metric, one })));
  if (rows.length === 0) return null;
  const interval = (one) => one.interval_95 ? ` (${ratioText(one.interval_95[0])}-${ratioText(one.interval_95[1])})` : "";
  return foldedTable(`Thread scaling: ${counted(rows.length, "step")}`, () => plainTable([
      { label: "metric", value: (row) => row.metric.metric }, { label: "contender", value: (row) => row.one.contender },
      { label: "threads", value: (row) => row.one.to, text: (row) => `${row.one.from} to ${row.one.to}` },
      { label: "speedup", number: true, value: (row) => row.one.speedup, text: (row) => `${ratioText(row.one.speedup)}x${interval(row.one)}` },
      { label: "efficiency", number: true, value: (row) => row.one.efficiency, text: (row) => `${(row.one.efficiency * 100).toFixed(0)}%` },
      { label: "pairs", number: true, value: (row) => row.one.pairs, text: (row) => String(row.one.pairs) }], rows, null, "wide"),
  "Speed with more threads relative to fewer, paired by block; an efficiency of 100% means that n times the threads are n times as fast.");
}

function correlationTable(metrics) {
  const axes = distinct(metrics.flatMap((metric) => Object.keys(metric.correlation)));
  if (axes.length === 0) return null;
  return foldedTable("Rank correlations", () => plainTable([{ label: "metric", value: (metric) => metric.metric },
    ...axes.map((axis) => ({ label: axisName(axis), number: true, value: (metric) => metric.correlation[axis] ?? null, text: (metric) => metric.correlation[axis] === undefined ? "" : metric.correlation[axis].toFixed(2) }))],
  metrics, "Spearman's rank correlation, over all configurations; the other axes are not held fixed.", "wide"));
}

function analysisSection(report) {
  if (!report.analysis) return null;
  const metrics = shownMetrics(report.analysis);
  const cards = metrics.map((one) => varianceCard(one, report)).filter(Boolean);
  const parts = [
    cards.length > 0 ? element("p", { class: "muted" }, "Share of the variance of a metric's logarithm that each axis explains (Shapley value of R\u00b2).") : null,
    cards.length > 0 ? element("div", { class: "cards" }, ...cards) : null,
    cards.length > 0 ? varianceTable(metrics) : null, correlationTable(metrics), scalingTable(report.analysis.metrics), threadsTable(metrics)].filter(Boolean);
  return parts.length === 0 ? null : section("Analysis", "analysis", ...parts);
}
