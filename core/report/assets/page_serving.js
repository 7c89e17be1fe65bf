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

// A point of the frontier: what the machine delivers against what each user sees.
function frontierFigure(report, group) {
  const points = [];
  for (const { load, point } of group.points) {
    point.contenders.forEach((result, index) => {
      const step = metric({ result }, "decode_ms_per_token");
      const output = metric({ result }, "output_tokens_per_s");
      if (!step || !output) return;
      const name = report.run.contenders[index].name;
      points.push({ name, index, label: `${name}, ${load}`, where: point.scenario, x: 1e3 / step, y: output });
    });
  }
  const lines = report.run.contenders.map((_, index) => {
    const own = points.filter((point) => point.index === index).sort((a, b) => a.x - b.x);
    return { index, xs: own.map((point) => point.x), ys: own.map((point) => point.y) };
  }).filter((line) => line.xs.length > 1);
  return scatterFigure({
    title: "Throughput against interactivity", note: "up and to the right is better; a line joins the loads of a contender",
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
    { label: "searches", value: answer("searches"), number: true },
    { label: "up to the highest throughput", value: answer("unbounded"), number: true },
  ], rows, "The highest rate that holds the objective: the mean of the searches, and an interval from the rates that held to the rates that failed.");
}

// null for runs without searches and without scenarios that differ in the load.
function servingSection(report) {
  const groups = loadSeries(report);
  const answers = maxRateTable(report);
  if (groups.length === 0) return answers === null ? null : section("Requests under load", "load", scrollBox("Highest rates", answers));
  const parts = groups.flatMap((group) => [
    element("h3", {}, breakable(group.title)),
    element("div", { class: "figures" }, ...[
      loadFigure(report, group, { title: "Time to first token", note: "median over requests; whiskers from the median to the 95th percentile", metric: "ttft_ms", yTitle: "ms", log: true, low: "median", high: "p95" }),
      loadFigure(report, group, { title: "Time per output token", note: "median over requests; whiskers from the median to the 95th percentile", metric: "decode_ms_per_token", yTitle: "ms", log: true, low: "median", high: "p95" }),
      loadFigure(report, group, { title: "Output throughput", note: "median of the blocks; whiskers from the lowest to the highest", metric: "output_tokens_per_s", yTitle: "tokens/s", low: "min", high: "max" }),
      loadFigure(report, group, { title: "Requests within the objective", note: "median of the blocks; whiskers from the lowest to the highest", metric: "goodput_per_s", yTitle: "requests/s", low: "min", high: "max" }),
      frontierFigure(report, group),
    ].filter(Boolean)),
  ]);
  const legend = legendOf(report.run.contenders.map((contender, index) => ({ name: contender.name, index })));
  return section("Requests under load", "load", ...(answers === null ? [] : [scrollBox("Highest rates", answers)]), legend, ...parts);
}
