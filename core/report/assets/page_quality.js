// How far each contender's logits stray from the reference's, where the run measured it.

function qualityOf(report, contender, model) {
  return (report.quality || []).find((one) => one.contender === contender && one.model === model);
}

function klNumber(kl) {
  if (kl === 0) return "0";
  return kl >= 1e-3 && kl < 1e4 ? String(+kl.toPrecision(2)) : kl.toExponential(1);
}

function klText(record) {
  if (record.kl === null || record.kl === undefined) return record.error || record.status;
  const interval = record.kl_interval ? ` (${klNumber(record.kl_interval[0])} to ${klNumber(record.kl_interval[1])})` : "";
  return `KL ${klNumber(record.kl)}${interval}, top-1 ${(record.top1_agreement * 100).toFixed(1)}%`;
}

function qualityCard(report) {
  const records = report.quality || [];
  if (records.length === 0) return null;
  const models = distinct(records.map((one) => one.model));
  const bars = element("div", { class: "bars" });
  for (const one of records) {
    const name = models.length > 1 ? `${one.contender}, ${one.model}` : one.contender;
    bars.append(bar(name, klText(one), one.status === "ok" ? "" : "failed"));
  }
  return element("article", { class: "card" }, element("h3", {}, "How far from the reference?"),
    element("p", { class: "muted" }, `Kullback-Leibler divergence in nats a token, with its 95% interval, and how often the likeliest token is that of ${records[0].reference}.`), bars);
}

// Decode speed of the chosen point over the divergence: fast and true is on the left, high up.
function qualityFigure(report, choice) {
  const point = pointAt(report, choice, choice[choice.along]);
  if (!point) return null;
  const measured = point.contenders.map((result, index) => ({ result, index, record: qualityOf(report, result.contender, point.model) }))
    .filter(({ result, record }) => record && typeof record.kl === "number" && result.metrics.decode_tokens_per_s);
  const least = Math.min(...measured.map(({ record }) => record.kl).filter((kl) => kl > 0));
  if (!Number.isFinite(least)) return null;
  return scatterFigure({
    title: "Speed against quality", note: `decode at ${AXES.map((axis) => `${axis.label} ${point[axis.key]}`).join(", ")}; what does not differ from the reference stands at the left edge`,
    xTitle: "KL to the reference, nats a token", yTitle: "tokens/s", lines: [],
    points: measured.map(({ result, index, record }) => ({
      name: result.contender, index, where: "", x: record.kl > 0 ? record.kl : least / 10, shownX: record.kl, y: result.metrics.decode_tokens_per_s.median,
    })),
  });
}

function qualityColumns(report) {
  if (!report.quality || report.quality.length === 0) return [];
  const record = (row) => qualityOf(report, row.result.contender, row.point.model);
  const number = (row, key) => record(row) && typeof record(row)[key] === "number" ? record(row)[key] : null;
  return [
    { label: "KL nats/tok", number: true, value: (row) => number(row, "kl"), text: (row) => number(row, "kl") === null ? "" : klNumber(number(row, "kl")) },
    { label: "top-1", number: true, best: "most", value: (row) => number(row, "top1_agreement"), text: (row) => number(row, "top1_agreement") === null ? "" : (number(row, "top1_agreement") * 100).toFixed(1) + "%" },
  ];
}
