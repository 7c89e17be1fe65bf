// Requests under load: latency against the rate or the number of users, and the throughput of the machine against the
// speed that one user sees.

// { kind: "open", load: 2 } of "open 2/s"; null for scenarios that have no load to plot.
function scenarioLoad(scenario) {
  const open = /^open ([0-9.e+-]+)\/s(.*)$/.exec(scenario || "");
  if (open) return { kind: `open${open[2]}`, load: Number(open[1]) };
  const closed = /^closed ([0-9]+)(.*)$/.exec(scenario || "");
  return closed ? { kind: `closed${closed[2]}`, load: Number(closed[1]) } : null;
}

// Points that differ in the load alone, as { title, kind, points }.
function loadSeries(report) {
  const groups = new Map();
  for (const point of report.points) {
    const found = scenarioLoad(point.scenario);
    if (found === null) continue;
    const title = `${point.model_name}: ${workloadText({ ...point, scenario: found.kind })}`;
    if (!groups.has(title)) groups.set(title, { title, kind: found.kind, points: [] });
    groups.get(title).points.push({ load: found.load, point });
  }
  for (const group of groups.values()) group.points.sort((a, b) => a.load - b.load);
  return [...groups.values()].filter((group) => group.points.length > 1);
}

function loadFigure(report, group, plot) {
  const pick = (point, index, field) => {
    const summary = point.contenders[index].metrics[plot.metric];
    return summary === undefined || summary[field] === undefined ? null : summary[field];
  };
  return figure({
    ...plot, xTitle: group.kind.startsWith("closed") ? "users" : "requests/s", xs: group.points.map((one) => one.load),
    series: report.run.contenders.map((contender, index) => ({
      name: contender.name, index,
      values: group.points.map(({ point }) => pick(point, index, "median")),
      low: group.points.map(({ point }) => pick(point, index, plot.low)),
      high: group.points.map(({ point }) => pick(point, index, plot.high)),
    })),
  });
}

// The frontier of each contender, joined by a line, and the loads that are not on it.
function frontierFigure(report, sweep) {
  const points = [], lines = [];
  sweep.curves.forEach((curve, index) => {
    for (const load of curve.loads) {
      const where = report.points[load.point].scenario;
      points.push({ name: curve.contender, index, label: load.optimal ? `${curve.contender}, ${where}` : "", where: `${where}${load.optimal ? "" : ", not on the frontier"}`, x: load.per_user_tokens_per_s, y: load.output_tokens_per_s });
    }
    const best = curve.loads.filter((load) => load.optimal).sort((a, b) => a.per_user_tokens_per_s - b.per_user_tokens_per_s);
    if (best.length > 1) lines.push({ index, xs: best.map((load) => load.per_user_tokens_per_s), ys: best.map((load) => load.output_tokens_per_s) });
  });
  return scatterFigure({
    title: "Throughput against interactivity", note: "up and to the right is better; a line joins the loads on a contender's frontier",
    xTitle: "tokens/s of one user", yTitle: "output tokens/s of the machine", points, lines,
  });
}

// The answers of the searches for the highest rate; null without any.
function maxRateTable(report) {
  const rows = rowsOf(report).filter(({ result }) => result.max_rate);
  if (rows.length === 0) return null;
  const answer = (field) => ({ result }) => result.max_rate[field];
  return plainTable([
    { label: "contender", value: ({ result }) => result.contender, head: true },
    { label: "point", value: ({ point }) => `${point.model_name}: ${workloadText(point)}` },
    { label: "holds, requests/s", value: answer("rate"), text: (row) => answer("rate")(row) === null ? "no rate" : numberText(answer("rate")(row)), number: true },
    { label: "from", value: answer("low"), number: true },
    { label: "to", value: answer("high"), number: true },
    { label: "searches", value: answer("searches"), text: (row) => String(answer("searches")(row)), number: true },
    { label: "up to the highest throughput", value: answer("unbounded"), text: (row) => String(answer("unbounded")(row)), number: true },
  ], rows, "The highest rate that holds the objective: the mean of the searches, and an interval from the rates that held to the rates that failed.");
}

// What bounds each load, what a token costs, and the contenders at equal interactivity.
function loadTable(report, sweep) {
  const cost = report.frontiers.cost;
  const rows = sweep.curves.flatMap((curve) => curve.loads.map((load) => ({ curve, load })));
  const columns = [
    { label: "contender", value: ({ curve }) => curve.contender }, { label: "load", value: ({ load }) => report.points[load.point].scenario },
    { label: "tokens/s of one user", number: true, value: ({ load }) => load.per_user_tokens_per_s }, { label: "tokens/s of the machine", number: true, value: ({ load }) => load.output_tokens_per_s },
    { label: "on the frontier", value: ({ load }) => load.optimal ? "yes" : "no" },
    ...(cost ? [{ label: `${cost.currency} per million tokens`, number: true, value: ({ load }) => load.cost_per_million_tokens }] : []),
    ...(rows.some(({ load }) => load.tokens_per_joule !== null) ? [{ label: "tokens per joule", number: true, value: ({ load }) => load.tokens_per_joule }] : []),
    { label: "bound by", value: ({ load }) => load.bound_by },
  ];
  return element("div", {}, ...sweep.sentences.map((sentence) => element("p", {}, breakable(sentence))), foldedTable("What bounds each load", () => plainTable(columns, rows, null)));
}

// `bound`: what the objective allows; null without one.
function latencyNote(bound) {
  return { bound, note: `median over requests; whiskers from the median to the 95th percentile${bound ? `; dotted: the objective, ${numberText(bound)} ms` : ""}` };
}

// null for runs without searches, scenarios that differ in the load, and scenarios that are short enough to be drawn.
function servingSection(report) {
  const groups = loadSeries(report);
  const slots = ganttSection(report);
  const objective = report.frontiers.objective;
  const answers = maxRateTable(report);
  if (groups.length === 0 && slots === null && answers === null) return null;
  const parts = groups.flatMap((group) => {
    const sweep = report.frontiers.sweeps.find((one) => one.points.includes(report.points.indexOf(group.points[0].point)));
    return [
    element("h3", {}, breakable(group.title)),
    element("div", { class: "figures" }, ...[
      loadFigure(report, group, { title: "Time to first token", ...latencyNote(objective.ttft_ms), metric: "ttft_ms", yTitle: "ms", log: true, low: "median", high: "p95" }),
      loadFigure(report, group, { title: "Time per output token", ...latencyNote(objective.tpot_ms), metric: "decode_ms_per_token", yTitle: "ms", log: true, low: "median", high: "p95" }),
      loadFigure(report, group, { title: "Output throughput", note: "median of the blocks; whiskers from the lowest to the highest", metric: "output_tokens_per_s", yTitle: "tokens/s", low: "min", high: "max" }),
      loadFigure(report, group, { title: "Requests within the objective", note: "median of the blocks; whiskers from the lowest to the highest", metric: "goodput_per_s", yTitle: "requests/s", low: "min", high: "max" }),
      sweep ? frontierFigure(report, sweep) : null,
    ].filter(Boolean)),
    sweep ? loadTable(report, sweep) : null,
    ];
  });
  const legend = legendOf(report.run.contenders.map((contender, index) => ({ name: contender.name, index })));
  return section("Requests under load", "load", ...(answers === null ? [] : [scrollBox("Highest rates", answers)]), ...(groups.length === 0 ? [] : [legend]), ...parts, slots);
}
