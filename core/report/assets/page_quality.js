// How far each contender's logits deviate from the reference's, if the run measured it.

function qualityOf(report, contender, model) {
  return report.quality.find((one) => one.contender === contender && one.model === model);
}

function klNumber(kl) {
  if (kl === 0) return "0";
  return kl >= 1e-3 && kl < 1e4 ? String(+kl.toPrecision(2)) : kl.toExponential(1);
}

function shareText(share) {
  return `${(share * 100).toFixed(1)}%`;
}

function isNumber(value) {
  return typeof value === "number";
}

function withInterval(record, key, text) {
  if (!isNumber(record[key])) return "";
  const interval = record[`${key}_interval`];
  return text(record[key]) + (interval ? ` (${text(interval[0])} to ${text(interval[1])})` : "");
}

// The value above its interval, for a table cell.
function inLines(text) {
  return text.replace(" (", "\n").replace(")", "");
}

function klText(record) {
  if (!isNumber(record.kl)) return record.error || record.status;
  return `KL ${withInterval(record, "kl", klNumber)}, top-1 ${shareText(record.top1_agreement)}`;
}

function qualityCard(report) {
  const records = report.quality;
  if (records.length === 0) return null;
  const models = distinct(records.map((one) => one.model));
  const bars = element("div", { class: "bars" });
  for (const one of records) {
    const name = models.length > 1 ? `${one.contender}, ${one.model_name}` : one.contender;
    bars.append(bar(name, klText(one), one.status === "ok" ? "" : "failed"));
  }
  return element("article", { class: "card" }, element("h3", {}, "Agreement with the reference"),
    element("p", { class: "muted" }, `Kullback-Leibler divergence in nats per token, with its 95% interval, and how often the likeliest token is that of ${records[0].reference}.`), bars,
    element("p", {}, element("a", { href: "#quality" }, "Full quality results")));
}

// Decode speed of the chosen point over the divergence: fast and accurate contenders are at the top left.
function qualityFigure(report, choice) {
  const point = pointAt(report, choice, choice[choice.along]);
  if (!point) return null;
  const measured = point.contenders.map((result, index) => ({ result, index, record: qualityOf(report, result.contender, point.model) }))
    .filter(({ result, record }) => record && typeof record.kl === "number" && result.metrics.decode_tokens_per_s);
  const least = Math.min(...measured.map(({ record }) => record.kl).filter((kl) => kl > 0));
  if (!Number.isFinite(least)) return null;
  return scatterFigure({
    title: "Speed versus quality", note: `decode at ${workloadText(point)}; contenders identical to the reference are at the left edge`,
    xTitle: "KL to the reference, nats per token", yTitle: "tokens/s", lines: [],
    points: measured.map(({ result, index, record }) => ({
      name: result.contender, label: result.contender, index, where: "", x: record.kl > 0 ? record.kl : least / 10, shownX: record.kl, y: result.metrics.decode_tokens_per_s.median,
    })),
  });
}

function perplexityText(value) {
  return value < 1e4 ? value.toFixed(3) : numberText(value);
}

// For random tokens only the comparison is meaningful, so their perplexity is left out.
function qualitySection(report) {
  if (report.quality.length === 0) return null;
  const [first] = report.quality;
  const share = (key) => ({ number: true, mark: () => "lines", value: (one) => isNumber(one[key]) ? one[key] : null, text: (one) => inLines(withInterval(one, key, shareText)) });
  const texts = distinct(report.quality.map((one) => one.text || "seeded random tokens"));
  const columns = [
    { label: "contender", value: (one) => one.contender }, { label: "model", value: (one) => one.model_name },
    { label: "verdict", value: (one) => one.status, text: (one) => one.status === "ok" ? "ok" : `${one.status}: ${one.error}`, mark: (one) => one.status === "ok" ? "" : "failed" },
    { label: "KL, nats per token", number: true, value: (one) => isNumber(one.kl) ? one.kl : null, text: (one) => inLines(withInterval(one, "kl", klNumber)), mark: () => "lines" },
    { label: "bound", number: true, value: (one) => one.max_kl, text: (one) => isNumber(one.max_kl) ? klNumber(one.max_kl) : "" },
    { label: "top-1", ...share("top1_agreement") }, { label: "top-5", ...share("top5_agreement") },
    { label: "largest logit error", number: true, value: (one) => isNumber(one.greatest_logit_error) ? one.greatest_logit_error : null },
    ...(report.quality.some((one) => one.text) ? [
    { label: "perplexity", number: true, value: (one) => one.text && isNumber(one.perplexity) ? one.perplexity : null, text: (one) => one.text ? inLines(withInterval(one, "perplexity", perplexityText)) : "", mark: () => "lines" },
    { label: "reference perplexity", number: true, value: (one) => one.text && isNumber(one.reference_perplexity) ? one.reference_perplexity : null, text: (one) => one.text && isNumber(one.reference_perplexity) ? perplexityText(one.reference_perplexity) : "" }] : []),
    { label: "tokens", number: true, value: (one) => one.tokens ?? null, text: (one) => one.tokens === undefined ? "" : String(one.tokens) },
    { label: "same ids when repeated", value: (one) => one.repeats === null ? "" : one.repeats ? "yes" : "no" },
  ];
  return section("Quality", "quality", element("p", { class: "muted" }, `Against ${first.reference} on ${texts.join(", ")}; 95% intervals over the windows.`),
    scrollBox("Quality", plainTable(columns, report.quality, null, "wide")));
}

function qualityColumns(report) {
  if (report.quality.length === 0) return [];
  const record = (row) => qualityOf(report, row.result.contender, row.point.model);
  const number = (row, key) => record(row) && isNumber(record(row)[key]) ? record(row)[key] : null;
  const column = (label, key, text) => ({ label, number: true, value: (row) => number(row, key), text: (row) => number(row, key) === null ? "" : text(number(row, key)) });
  return [column("KL nats/tok", "kl", klNumber), { ...column("top-1", "top1_agreement", shareText), best: "most" }];
}
