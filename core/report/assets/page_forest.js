// Forest plots: speeds on a logarithmic axis, with whiskers, sorted by rank. Positions are percentages, so a plot fits
// any width without being redrawn.

// Ticks between low and high: of the choices with at most `most` ticks, the one with the most.
function ratioTicks(low, high, most) {
  const decades = (steps) => {
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); ++power) {
      for (const step of steps) ticks.push(+(step * 10 ** power).toPrecision(2));
    }
    return ticks;
  };
  const even = (step) => {
    const ticks = [];
    for (let i = Math.ceil(low / step); i <= high / step && ticks.length <= most; ++i) ticks.push(+(i * step).toFixed(4));
    return ticks;
  };
  const choices = [() => decades([1]), () => decades([1, 3]), () => decades([1, 2, 5]), () => decades([1, 1.5, 2, 3, 4, 6]), () => even(0.5), () => even(0.2), () => even(0.1), () => even(0.05), () => even(0.02), () => even(0.01)];
  let best = [1];
  for (const choice of choices) {
    const ticks = choice().filter((tick) => tick >= low && tick <= high);
    if (ticks.length <= most && ticks.length > best.length) best = ticks;
  }
  return best;
}

// rows: {name, speed: {speed_ratio, low, high, verdict} or null, least, most, text, kind}
function forestScale(rows) {
  const values = rows.filter((row) => row.speed).flatMap((row) => [row.speed.speed_ratio, row.speed.low, row.speed.high, row.least, row.most]);
  const known = values.filter((value) => typeof value === "number" && value > 0 && Number.isFinite(value));
  const [least, most] = [Math.min(0.95, ...known), Math.max(1.05, ...known)];
  const margin = (most / least) ** 0.08;  // as a ratio, at both ends of the axis
  const [low, high] = [least / margin, most * margin];
  return { low, high, at: (value) => 100 * Math.log(Math.min(Math.max(value, low), high) / low) / Math.log(high / low) };
}

function placed(className, left, width) {
  const made = element("i", { class: className });
  made.style.left = `${left.toFixed(2)}%`;
  if (width !== undefined) made.style.width = `${Math.max(0, width).toFixed(2)}%`;
  return made;
}

function forestTrack(row, scale, ticks) {
  const track = element("div", { class: "lane", "aria-hidden": "true" }, ...ticks.map((tick) => placed("tick", scale.at(tick))), placed("one", scale.at(1)));
  if (!row.speed) return track;
  const span = (name, low, high) => placed(name, scale.at(low), scale.at(high) - scale.at(low));
  if (row.least !== undefined && row.most > row.least) track.append(span("range", row.least, row.most));
  if (row.speed.low !== null) track.append(span(`whisker ${row.kind}`, row.speed.low, row.speed.high));
  track.append(placed(`dot ${row.kind}`, scale.at(row.speed.speed_ratio)));
  return track;
}

// Rows with a speed first, the fastest on top; then rows without one.
function byRank(rows) {
  return [...rows].sort((a, b) => (b.speed ? b.speed.speed_ratio : -1) - (a.speed ? a.speed.speed_ratio : -1));
}

function forestPlot(caption, rows) {
  const ordered = byRank(rows);
  const scale = forestScale(ordered);
  const ticks = ratioTicks(scale.low, scale.high, 6).filter((tick) => scale.at(tick) > 5 && scale.at(tick) < 95);
  const body = element("tbody", {}, ...ordered.map((row) => element("tr", {},
    element("th", { scope: "row" }, breakable(row.name)),
    element("td", { class: "plot" }, forestTrack(row, scale, ticks)),
    element("td", { class: `value ${row.kind}` }, row.text))));
  const labels = element("div", { class: "ticks", "aria-hidden": "true" }, ...ticks.map((tick) => {
    const label = element("span", {}, `${tick}x`);
    label.style.left = `${scale.at(tick).toFixed(2)}%`;
    return label;
  }));
  return element("table", { class: "forest" }, element("caption", {}, caption),
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "contender"), element("th", { scope: "col" }, "relative speed, logarithmic"), element("th", { scope: "col" }, "speed"))),
    body, element("tfoot", {}, element("tr", { "aria-hidden": "true" }, element("td", {}), element("td", { class: "plot" }, labels), element("td", {}))));
}

function baselineRow(report) {
  return { name: report.baseline, speed: { speed_ratio: 1, low: null, high: null }, text: "1x, the baseline", kind: "base" };
}

function speedRow(name, speed, extra) {
  return { name, speed, text: `${speedText(speed)} ${speed.verdict}`, kind: speed.verdict, ...extra };
}

// A row for a contender without a speed, which shows the reason.
function missingRow(name, status) {
  return { name, speed: null, text: status || "not measured", kind: status ? "failed" : "muted" };
}

// The status of a contender's first failure group, which is wrong output if there is any; undefined without failures.
function failureOf(report, contender) {
  const found = report.failures.find((group) => group.contender === contender);
  return found && found.status;
}

function overallForest(report, headline) {
  const rows = [baselineRow(report)];
  for (const contender of report.run.contenders) {
    if (contender.name === report.baseline) continue;
    const speed = headline.speeds.find((one) => one.contender === contender.name);
    if (!speed) rows.push(missingRow(contender.name, failureOf(report, contender.name)));
    else rows.push(speedRow(contender.name, speed, { least: speed.least, most: speed.most, text: `${speedText(speed)} ${speed.verdict}${pointsText(report, speed)}` }));
  }
  return forestPlot(`Dot: geometric mean over the points; line: its interval; band: from the slowest to the fastest point. Relative to ${report.baseline}.`, rows);
}

// For a contender that did not run at all points.
function pointsText(report, speed) {
  return speed.points < report.points.length ? `, at ${speed.points} of ${counted(report.points.length, "point")}` : "";
}

function pointForest(report, point, metricName, title) {
  const rows = point.contenders.filter(runsAt).map((result) => {
    if (result.contender === report.baseline) return result.ok > 0 ? baselineRow(report) : missingRow(result.contender, failureAt(result));
    const speed = result.vs_baseline[metricName];
    return speed ? speedRow(result.contender, speed) : missingRow(result.contender, failureAt(result));
  });
  return forestPlot(`${title}, relative to ${report.baseline}; line: the interval.`, rows);
}

function failureAt(result) {
  const wrong = result.failures.find((failure) => failure.status === "wrong_output");
  return wrong ? wrong.status : result.failures.length > 0 ? result.failures[0].status : undefined;
}
