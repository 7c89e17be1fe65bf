// Scatter charts with two logarithmic axes: speed against quality, and the roofline.

function powerText(value) {
  if (value >= 1e-3 && value < 1e5) return String(+value.toPrecision(3));
  return value.toExponential(0);
}

// Ticks at round numbers on a logarithmic axis: powers of ten times 1; 1 and 3; 1, 2 and 5; or finer steps. Uses the
// finest choice with at most `most` ticks.
function logTicks([low, high], most) {
  const choices = [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 5, 7], [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8], [1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2, 2.2, 2.5, 2.8, 3, 3.5, 4, 4.5, 5, 5.5, 6, 7, 8, 9]];
  let best = [];
  for (const steps of choices) {
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); ++power) {
      for (const step of steps) ticks.push(+(step * 10 ** power).toPrecision(2));
    }
    const inside = ticks.filter((tick) => tick >= low && tick <= high);
    if (best.length === 0 || (inside.length <= most && inside.length > best.length)) best = inside;
  }
  if (best.length <= most) return best;
  const step = Math.ceil(best.length / most);
  return best.filter((_, i) => i % step === 0);
}

// Draws names next to the points. A name that would cover another name or point everywhere is left out.
function labelPoints(chart, points) {
  const over = chart.over;
  const [width, height] = [over.clientWidth, over.clientHeight];
  const places = points.map((point) => ({ x: chart.valToPos(point.x, "x"), y: chart.valToPos(point.y, "y") }));
  const taken = places.map(({ x, y }) => ({ left: x - 6, right: x + 6, top: y - 6, bottom: y + 6 }));
  points.forEach((point, i) => {
    const label = element("span", { class: "point-label" }, shortened(point.label, 26));
    over.append(label);
    const [w, h] = [label.offsetWidth, label.offsetHeight];
    const { x, y } = places[i];
    const tries = [[x + 9, y - h / 2], [x - w - 9, y - h / 2], [x - w / 2, y - h - 7], [x - w / 2, y + 7], [x + 7, y - h - 3], [x + 7, y + 3], [x - w - 7, y - h - 3], [x - w - 7, y + 3]];
    const free = tries.map(([left, top]) => ({ left, top, right: left + w, bottom: top + h }))
      .find((box) => box.left >= 0 && box.right <= width && box.top >= 0 && box.bottom <= height &&
        taken.every((other, k) => (k === i && k < places.length) || box.right <= other.left || box.left >= other.right || box.bottom <= other.top || box.top >= other.bottom));
    if (!free) { label.remove(); return; }
    label.style.left = `${free.left}px`;
    label.style.top = `${free.top}px`;
    taken.push(free);
  });
}

// plot.points: {index, x, y, label}; plot.lines: {index, xs, ys}, drawn as thin lines.
function scatterChart(plot, place) {
  const xs = distinct([...plot.points.map((point) => point.x), ...plot.lines.flatMap((line) => line.xs)]).sort((a, b) => a - b);
  const at = (pairs) => xs.map((x) => { const found = pairs.find((pair) => pair[0] === x); return found ? found[1] : null; });
  const range = (values) => [Math.min(...values) / 1.6, Math.max(...values) * 1.6];
  const ys = [...plot.points.map((point) => point.y), ...plot.lines.flatMap((line) => line.ys)];
  const rows = [...plot.lines.map((line) => at(line.xs.map((x, i) => [x, line.ys[i]]))), ...plot.points.map((point) => at([[point.x, point.y]]))];
  const width = Math.max(220, place.clientWidth);
  const axis = (label, values, most) => ({ ...axisStyle(label), splits: () => logTicks(range(values), most), values: (_, splits) => splits.map(powerText), filter: (_, splits) => splits });
  return new uPlot({
    width, height: 260, legend: { show: false }, cursor: { show: false }, padding: [10, 16, 0, 0],
    scales: { x: { time: false, distr: 3, range: () => range(xs) }, y: { distr: 3, range: () => range(ys) } },
    axes: [{ ...axis(plot.xTitle, xs, Math.max(2, Math.floor((width - 80) / 62))), size: 30 }, { ...axis(plot.yTitle, ys, 8), size: 58 }],
    series: [{},
      ...plot.lines.map((line) => ({ stroke: line.index === null ? colour("--muted") : seriesColour(line.index), width: 1.5, dash: line.dash || [], spanGaps: true, points: { show: false } })),
      ...plot.points.map((point) => ({ stroke: seriesColour(point.index), paths: () => null, points: { show: true, size: 10, fill: seriesColour(point.index), stroke: seriesColour(point.index) } }))],
    hooks: { ready: [(chart) => labelPoints(chart, plot.points)] },
  }, [xs, ...rows], place);
}

// plot: {title, note, xTitle, yTitle, points: [{name, index, label, where, x, y}], lines}. Returns a figure, or null
// without points.
function scatterFigure(plot) {
  if (plot.points.length === 0) return null;
  const columns = [
    { label: "contender", value: (point) => point.name }, { label: "point", value: (point) => point.where },
    { label: plot.xTitle, number: true, value: (point) => point.shownX === undefined ? point.x : point.shownX },
    { label: plot.yTitle, number: true, value: (point) => point.y },
  ];
  const sentence = `${plot.title}, ${plot.yTitle} against ${plot.xTitle}. ` +
    plot.points.map((point) => `${point.name} ${point.where}: ${numberText(point.y)} at ${numberText(point.shownX === undefined ? point.x : point.shownX)}`).join("; ") + ".";
  return drawnFigure({ ...plot, draw: scatterChart }, sentence, () => plainTable(columns, plot.points, null));
}

// Operations per second over operations per byte. The roof is the slanted line of the memory and the flat line of the
// arithmetic. A point's height relative to the roof is its share of the machine's limit.
function rooflineFigure(report, choice) {
  const machine = report.run.machine;
  const limits = machine && machine.by_threads.find((one) => one.threads === choice.threads);
  const model = report.run.models.find((one) => one.reference === choice.model);
  if (!limits || !model || limits.read.length === 0) return null;
  const points = [];
  const moving = sweptAxes(report).moving.filter((axis) => axis.key !== "threads");
  for (const { point, result } of rowsOf(report)) {
    const bytes = result.load ? result.load.decode_weights_bytes : 0;
    const step = metric({ result }, "decode_ms_per_token");
    if (point.scenario || point.model !== choice.model || point.threads !== choice.threads || !bytes || step === null) continue;
    if (deviceOf(report, result.contender) !== null) continue;  // the machine's limits are those of its CPUs
    const operations = 2 * model.n_parameters * point.batch;
    points.push({
      name: result.contender, index: report.run.contenders.findIndex((one) => one.name === result.contender),
      label: [result.contender, ...moving.map((axis) => `${axis.label} ${point[axis.key]}`)].join(", "),
      where: workloadText(point), x: operations / bytes, y: operations / (step / 1e3) / 1e9, bytes,
    });
  }
  if (points.length === 0) return null;
  const bytes = Math.max(...points.map((point) => point.bytes));
  const nearest = limits.read.reduce((a, b) => Math.abs(Math.log(a.buffer_bytes / bytes)) <= Math.abs(Math.log(b.buffer_bytes / bytes)) ? a : b);
  const bandwidth = nearest.bytes_per_s.best / 1e9;
  const [low, high] = [Math.min(...points.map((point) => point.x)) / 2, Math.max(...points.map((point) => point.x)) * 2];
  const roof = (peak, dash) => {
    const knee = peak / bandwidth;
    const xs = distinct([low, Math.min(Math.max(knee, low), high), high]);
    return { index: null, dash, xs, ys: xs.map((x) => Math.min(peak, x * bandwidth)) };
  };
  return scatterFigure({
    title: "Decode roofline",
    note: `${counted(limits.threads, "thread")}: reads ${numberText(bandwidth)} GB/s (buffer of ${numberText(nearest.buffer_bytes / MIB)} MiB), computes ${numberText(limits.fp32_flops_per_s.best / 1e9)} GFLOP/s in fp32 (solid), ${numberText(limits.int8_ops_per_s.best / 1e9)} GOP/s in int8 (dashed); weights only, the KV cache is not counted`,
    xTitle: "operations per byte of weights", yTitle: "10^9 operations/s", points,
    lines: [roof(limits.fp32_flops_per_s.best / 1e9, []), roof(limits.int8_ops_per_s.best / 1e9, [6, 4])],
  });
}
