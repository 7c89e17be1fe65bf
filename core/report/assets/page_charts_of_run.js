// The charts of a run: speed and memory along the axes of the sweep, and inter-token latencies.

// The values of each axis over all points, ascending; nodes in the order of the points.
function axisValues(report) {
  const values = {};
  for (const axis of AXES) {
    values[axis.key] = distinct(report.points.map((point) => point[axis.key]));
    if (!axis.words) values[axis.key].sort((a, b) => a - b);
  }
  return values;
}

function startChoice(report) {
  const values = axisValues(report);
  const first = report.points[0];
  const along = AXES.find((axis) => values[axis.key].length > 1) || AXES[0];
  return { along: along.key, model: first.model, ...Object.fromEntries(AXES.map((axis) => [axis.key, first[axis.key]])) };
}

// The chosen point, but with `value` on the axis of the chart; undefined if the sweep has no such point.
function pointAt(report, choice, value) {
  return report.points.find((point) => point.model === choice.model &&
    AXES.every((axis) => point[axis.key] === (axis.key === choice.along ? value : choice[axis.key])));
}

function alongAxis(report, choice, plot) {
  const axis = AXES.find((one) => one.key === choice.along);
  const points = axisValues(report)[choice.along].map((value) => pointAt(report, choice, value)).filter(Boolean);
  const pick = (point, index, field) => {
    const summary = point.contenders[index].metrics[plot.metric];
    return summary === undefined ? null : summary[field] / (plot.divisor || 1);
  };
  return figure({
    ...plot, xTitle: axis.title, xs: points.map((point) => point[choice.along]),
    series: report.run.contenders.map((contender, index) => ({
      name: contender.name, index,
      values: points.map((point) => pick(point, index, plot.field || "median")),
      low: plot.field ? null : points.map((point) => pick(point, index, "min")),
      high: plot.field ? null : points.map((point) => pick(point, index, "max")),
    })),
  });
}

function tokenTimes(report, choice) {
  const point = pointAt(report, choice, choice[choice.along]);
  if (point === undefined) return null;
  const shares = distinct(point.contenders.flatMap((one) => one.inter_token_quantiles.map((q) => q.p))).sort((a, b) => a - b);
  const at = workloadText(point);
  return figure({
    title: "Inter-token latency percentiles", note: `all gaps between tokens at ${at}`, yTitle: "ms", xTitle: "percentile",
    xs: shares.map((p) => +(p * 100).toFixed(2)),
    series: point.contenders.map((one, index) => ({
      name: one.contender, index,
      values: shares.map((p) => { const found = one.inter_token_quantiles.find((q) => q.p === p); return found ? found.ms : null; }),
    })),
  });
}

const MEMORY_NOTES = {
  peak_rss_bytes: "of the process, highest of the trials",
  device_peak_bytes: "of the process on its device as the driver tells, highest of the trials",
};

function figuresOf(report, choice) {
  const note = "median; whiskers from the lowest to the highest trial";
  return [
    alongAxis(report, choice, { title: "Decode throughput", note, metric: "decode_tokens_per_s", yTitle: "tokens/s", log: true }),
    alongAxis(report, choice, { title: "Prefill throughput", note, metric: "prefill_tokens_per_s", yTitle: "tokens/s", log: true }),
    alongAxis(report, choice, { title: "Time to first token", note, metric: "ttft_ms", yTitle: "ms" }),
    tokenTimes(report, choice),
    ...report.metrics.filter((one) => one.kind === "memory" && one.name !== "weights_bytes").map((one) =>
      alongAxis(report, choice, { title: one.title, note: MEMORY_NOTES[one.name] || "as the backend reports it", metric: one.name, yTitle: "MiB", divisor: MIB, field: "max" })),
    ...report.metrics.filter((one) => one.kind === "energy").map((one) =>
      alongAxis(report, choice, { title: one.title, note: "of the device that the contender computes on, idle power included", metric: one.name, yTitle: one.unit })),
    qualityFigure(report, choice),
    rooflineFigure(report, choice),
  ].filter(Boolean);
}

function chooser(label, options, chosen, choose) {
  const select = element("select", {}, ...options.map((option) => element("option", { value: String(option.value) }, option.label)));
  select.value = String(chosen);
  select.addEventListener("change", () => choose(options.find((option) => String(option.value) === select.value).value));
  return element("label", {}, label, select);
}

function chartsSection(report) {
  if (report.points.length === 0) return null;
  const choice = startChoice(report);
  const values = axisValues(report);
  const controls = element("div", { class: "controls" });
  const figures = element("div", { class: "figures" });
  const draw = () => {
    const set = (key) => (value) => { choice[key] = value; draw(); };
    const models = distinct(report.points.map((point) => point.model));
    const several = AXES.filter((axis) => values[axis.key].length > 1);
    const name = (model) => report.points.find((point) => point.model === model).model_name;
    controls.replaceChildren(...[
      models.length > 1 ? chooser("model", models.map((model) => ({ value: model, label: name(model) })), choice.model, set("model")) : null,
      several.length > 1 ? chooser("along", several.map((axis) => ({ value: axis.key, label: axis.title })), choice.along, set("along")) : null,
      ...several.map((axis) => chooser(axis.key === choice.along ? `${axis.label} (latency percentiles)` : axis.label,
        values[axis.key].map((value) => ({ value, label: String(value) })), choice[axis.key], set(axis.key))),
    ].filter(Boolean));
    const made = figuresOf(report, choice);
    figures.replaceChildren(...(made.length > 0 ? made : [element("p", { class: "muted" }, "The sweep has no measured point with these values.")]));
    drawCharts();
  };
  const legend = legendOf(report.run.contenders.map((contender, index) => ({ name: contender.name, index })));
  return { root: section("Charts", "charts", controls, legend, figures), draw };
}
