// A map of the speeds of all contenders at all points. Clicking a point's number shows all of its values below the map.

const POINTS_AS_COLUMNS = 40;  // with more points, points are rows
const POINT_ROWS_AT_ONCE = 100;

// value: the number that colors a cell (a speed) or null; text: the cell's text.
const HEAT_CHOICES = [
  { value: "decode", label: "decode speed", metric: "decode_tokens_per_s", speed: true },
  { value: "prefill", label: "prefill speed", metric: "prefill_tokens_per_s", speed: true },
  { value: "e2e", label: "speed of the entire request", metric: "e2e_ms", speed: true },
  { value: "output", label: "output speed under load", metric: "output_tokens_per_s", speed: true },
  { value: "decode_value", label: "decode tokens/s", metric: "decode_tokens_per_s", field: "median" },
  { value: "prefill_value", label: "prefill tokens/s", metric: "prefill_tokens_per_s", field: "median" },
  { value: "ttft_value", label: "time to first token, ms", metric: "ttft_ms", field: "median" },
];

function heatChoices(report) {
  const has = (choice) => report.points.some((point) => point.contenders.some((result) => result.metrics[choice.metric] !== undefined));
  const memory = report.metrics.filter((one) => one.kind === "memory")
    .map((one) => ({ value: one.name, label: `${one.title.toLowerCase().replace("kv", "KV")}, MiB`, metric: one.name, field: "max", divisor: MIB }));
  const energy = report.metrics.filter((one) => one.kind === "energy")
    .map((one) => ({ value: one.name, label: `${one.title.toLowerCase()}, ${one.unit}`, metric: one.name, field: "median" }));
  return [...HEAT_CHOICES, ...memory, ...energy].filter((choice) => has(choice) && (!choice.speed || report.run.contenders.length > 1));
}

function heatCell(report, choice, result) {
  const failed = result.failures.length > 0;
  if (result.ok === 0) return failed ? { text: failureAt(result) === "wrong_output" ? "wrong" : "failed", kind: "bad" } : { text: "-", kind: "" };
  const mark = failed ? "!" : "";
  const summary = result.metrics[choice.metric];
  if (!choice.speed || result.contender === report.baseline) {
    const text = summary === undefined ? "-" : numberText(summary[choice.field || "median"] / (choice.divisor || 1));
    return { text: text + mark, kind: choice.speed ? "base" : "" };
  }
  const speed = result.vs_baseline[choice.metric];
  if (!speed) return { text: "-" + mark, kind: "" };
  return { text: `${ratioText(speed.speed_ratio)}x${verdictMark(speed.verdict)}${mark}`, kind: "speed", heat: Math.log2(speed.speed_ratio), title: `${speedText(speed)} ${speed.verdict}` };
}

function paintHeat(cell, heat, most) {
  if (heat === undefined || !Number.isFinite(heat)) return;
  cell.style.setProperty("--share", `${Math.round(Math.min(1, Math.abs(heat) / most) * 100)}%`);
  cell.classList.add(heat >= 0 ? "heat-fast" : "heat-slow");
}

function heatTd(cell, most) {
  const made = element("td", { class: `number ${cell.kind}` }, cell.text);
  if (cell.title) made.title = cell.title;
  paintHeat(made, cell.heat, most);
  return made;
}

// The |log2| of the ratio with the strongest color: the largest of the map, at least 1 (a factor of 2).
function greatestHeat(report, choice) {
  let most = 1;
  if (!choice.speed) return most;
  for (const point of report.points) {
    for (const result of point.contenders) {
      const speed = result.vs_baseline[choice.metric];
      if (speed && speed.speed_ratio > 0 && Number.isFinite(speed.speed_ratio)) most = Math.max(most, Math.abs(Math.log2(speed.speed_ratio)));
    }
  }
  return most;
}

function overallTd(report, choice, contender, most) {
  const headline = report.headlines.find((one) => one.metric === choice.metric);
  const speed = headline && headline.speeds.find((one) => one.contender === contender);
  if (!speed) return element("td", { class: "number overall" }, "");
  const made = heatTd({ text: `${ratioText(speed.speed_ratio)}x${verdictMark(speed.verdict)}`, kind: "speed overall", heat: Math.log2(speed.speed_ratio), title: speedText(speed) }, most);
  return made;
}

function pointButton(report, index, show) {
  return element("button", { type: "button", class: "point", "aria-label": `Show all values of point ${index + 1}, ${placeText(report.points[index])}`, onclick: () => show(index) }, String(index + 1));
}

function heatAxes(report) {
  const models = distinct(report.points.map((point) => point.model));
  const { moving } = sweptAxes(report);
  return [...(models.length > 1 ? [{ label: "model", of: (point) => point.model_name }] : []), ...moving.map((axis) => ({ label: axis.label, of: (point) => String(point[axis.key]) }))];
}

function rowName(report, choice, name) {
  return choice.speed && name === report.baseline ? [breakable(name), choice.metric.endsWith("_ms") ? " (ms)" : " (tokens/s)"] : [breakable(name)];
}

// One row per contender.
function heatByContender(report, choice, show) {
  const most = greatestHeat(report, choice);
  const overall = choice.speed && report.headlines.some((one) => one.metric === choice.metric);
  const head = heatAxes(report).map((axis) => element("tr", {}, element("th", { scope: "row" }, axis.label), overall ? element("td", {}) : null,
    ...report.points.map((point) => element("th", { scope: "col", class: "number" }, breakable(axis.of(point))))));
  head.push(element("tr", {}, element("th", { scope: "col" }, "contender"), overall ? element("th", { scope: "col", class: "number" }, "overall") : null,
    ...report.points.map((_, index) => element("th", { scope: "col", class: "number" }, pointButton(report, index, show)))));
  const body = report.run.contenders.map((contender, index) => element("tr", {}, element("th", { scope: "row" }, ...rowName(report, choice, contender.name)),
    overall ? overallTd(report, choice, contender.name, most) : null,
    ...report.points.map((point) => heatTd(heatCell(report, choice, point.contenders[index]), most))));
  return element("table", { class: "heat" }, element("thead", {}, ...head), element("tbody", {}, ...body));
}

// One row per point; at first only POINT_ROWS_AT_ONCE of them.
function heatByPoint(report, choice, show) {
  const most = greatestHeat(report, choice);
  const axes = heatAxes(report);
  const head = element("tr", {}, element("th", { scope: "col" }, "point"), ...axes.map((axis) => element("th", { scope: "col", class: "number" }, axis.label)),
    ...report.run.contenders.map((contender) => element("th", { scope: "col", class: "number" }, ...rowName(report, choice, contender.name))));
  const row = (point, index) => element("tr", {}, element("th", { scope: "row" }, pointButton(report, index, show)),
    ...axes.map((axis) => element("td", { class: "number" }, breakable(axis.of(point)))), ...point.contenders.map((result) => heatTd(heatCell(report, choice, result), most)));
  const body = element("tbody", {}, ...report.points.slice(0, POINT_ROWS_AT_ONCE).map(row));
  const table = element("table", { class: "heat" }, element("thead", {}, head), body);
  if (report.points.length <= POINT_ROWS_AT_ONCE) return table;
  const more = element("button", { type: "button", class: "more", onclick: () => {
    body.append(...report.points.slice(POINT_ROWS_AT_ONCE).map((point, i) => row(point, POINT_ROWS_AT_ONCE + i)));
    more.remove();
  } }, `Show all ${counted(report.points.length, "point")}`);
  return element("div", {}, table, more);
}

function heatLegend(choice) {
  if (!choice.speed) return "Medians; peak memory is the highest of the trials. ! some trials failed.";
  return "Geometric mean over the blocks. + faster, - slower, = same, ? unclear, no mark: too few blocks for a verdict, ! some trials failed.";
}

// All values of one point.
function pointDetail(report, index) {
  const point = report.points[index];
  const plots = [["decode_tokens_per_s", "Decode speed"], ["prefill_tokens_per_s", "Prefill speed"]]
    .filter(([name]) => point.contenders.some((result) => result.vs_baseline[name]))
    .map(([name, title]) => element("div", { class: "panel" }, pointForest(report, point, name, title)));
  const rows = point.contenders.filter(runsAt).map((result) => ({ point, result }));
  const title = report.points.length > 1 ? `Point ${index + 1}: ${placeText(point)}` : placeText(point);
  return element("div", { class: "detail" }, element("h3", { tabindex: "-1" }, breakable(title)),
    plots.length > 0 ? element("div", { class: "panels" }, ...plots) : null, scrollBox("All values of the point", plainTable(resultColumns(report, false), rows, null, "wide results-of-point")));
}

function speedsSection(report) {
  if (report.points.length === 0) return null;
  const detail = element("div", { "aria-live": "polite" });
  const show = (index) => {
    detail.replaceChildren(pointDetail(report, index));
    for (const button of map.querySelectorAll("button.point")) button.setAttribute("aria-pressed", String(button.textContent === String(index + 1)));
  };
  const map = element("div");
  const choices = heatChoices(report);
  const { fixed } = sweptAxes(report);
  if (report.points.length === 1 || choices.length === 0) {
    show(0);
    return section("Speeds", "speeds", detail);
  }
  const controls = element("div", { class: "controls" });
  const draw = (value) => {
    const choice = choices.find((one) => one.value === value);
    const table = report.points.length > POINTS_AS_COLUMNS ? heatByPoint(report, choice, show) : heatByContender(report, choice, show);
    map.replaceChildren(element("p", { class: "muted" }, heatLegend(choice)), scrollBox(`Map of ${choice.label}`, table));
  };
  controls.append(chooser("show", choices, choices[0].value, draw));
  draw(choices[0].value);
  return section("Speeds at every point", "speeds", element("p", { class: "muted" },
    [report.run.contenders.length > 1 ? `Relative to ${report.baseline}.` : "", fixed.length > 0 ? `All at ${fixed.join(", ")}.` : "", "A point's number shows all of its values."].filter(Boolean).join(" ")), controls, map, detail);
}
