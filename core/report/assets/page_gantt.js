// A picture of a short run: a lane for each slot, with the requests that it held. A request waits in the lane that it
// gets in the end.

const GANTT_PARTS = [
  { kind: "wait", label: "waits", from: "arrival_ms", to: "admitted_ms" },
  { kind: "prefill", label: "prompt", from: "admitted_ms", to: "first_token_ms" },
  { kind: "decode", label: "decodes", from: "first_token_ms", to: "end_ms" },
];

function ganttLane(spans, total) {
  const lane = element("div", { class: "gantt-lane", "aria-hidden": "true" });
  for (const { kind, from, to } of GANTT_PARTS) {
    for (const span of spans) lane.append(placed(kind, 100 * span[from] / total, 100 * (span[to] - span[from]) / total));
  }
  return lane;
}

function ganttRows(spans) {
  const total = Math.max(...spans.map((span) => span.end_ms), 1e-6);
  const lanes = [...new Set(spans.map((span) => span.lane))].sort((a, b) => a - b);
  return lanes.map((lane) => element("tr", {},
    element("th", { scope: "row" }, String(lane)),
    element("td", { class: "plot" }, ganttLane(spans.filter((span) => span.lane === lane), total)),
    element("td", { class: "value" }, counted(spans.filter((span) => span.lane === lane).length, "request"))));
}

function ganttPlot(contender, spans) {
  const last = Math.max(...spans.map((span) => span.end_ms));
  return element("table", { class: "forest gantt" }, element("caption", {}, breakable(`${contender}, the first block: ${numberText(last)} ms`)),
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "slot"), element("th", { scope: "col" }, `time, 0 to ${numberText(last)} ms`), element("th", { scope: "col" }, "held"))),
    element("tbody", {}, ...ganttRows(spans)));
}

function ganttNumbers(spans) {
  return plainTable([
    { label: "slot", number: true, value: (span) => span.lane }, { label: "prompt tokens", number: true, value: (span) => span.prompt_tokens },
    { label: "arrival ms", number: true, value: (span) => span.arrival_ms }, { label: "admitted ms", number: true, value: (span) => span.admitted_ms },
    { label: "first token ms", number: true, value: (span) => span.first_token_ms }, { label: "end ms", number: true, value: (span) => span.end_ms },
    { label: "tokens", number: true, value: (span) => span.tokens },
  ], spans, null);
}

// The runs that are short enough for a picture, folded; null without any.
function ganttSection(report) {
  const points = report.points.filter((point) => point.contenders.some((result) => (result.requests || []).length > 0));
  if (points.length === 0) return null;
  const key = element("p", { class: "muted gantt-key" }, ...GANTT_PARTS.flatMap(({ kind, label }) => [element("i", { class: kind, "aria-hidden": "true" }), ` ${label}  `]));
  return element("div", {}, element("h3", {}, "Slots over time"), key, ...points.map((point) => folded(`${point.model_name}: ${workloadText(point)}`, () =>
    element("div", {}, ...point.contenders.filter((result) => (result.requests || []).length > 0).flatMap((result) => [
      scrollBox(`Slots of ${result.contender}`, ganttPlot(result.contender, result.requests)), foldedTable("Numbers", () => ganttNumbers(result.requests))])))));
}
