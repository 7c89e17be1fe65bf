// Charts of points on two logarithmic axes: speed against quality, and the roofline.

function powerText(value) {
  if (value >= 1e-3 && value < 1e5) return String(+value.toPrecision(3));
  return value.toExponential(0);
}

// Powers of ten; over fewer than three of them also 2 and 5 times these.
function logTicks([low, high]) {
  const ticks = [];
  const steps = Math.log10(high / low) < 3 ? [1, 2, 5] : [1];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); ++power) {
    for (const step of steps) ticks.push(+(step * 10 ** power).toPrecision(1));
  }
  return ticks.filter((tick) => tick >= low && tick <= high);
}

// plot.points: {index, x, y}; plot.lines: {index, xs, ys}, drawn thin.
function scatterChart(plot, place) {
  const xs = distinct([...plot.points.map((point) => point.x), ...plot.lines.flatMap((line) => line.xs)]).sort((a, b) => a - b);
  const at = (pairs) => xs.map((x) => { const found = pairs.find((pair) => pair[0] === x); return found ? found[1] : null; });
  const range = (values) => [Math.min(...values) / 1.6, Math.max(...values) * 1.6];
  const ys = [...plot.points.map((point) => point.y), ...plot.lines.flatMap((line) => line.ys)];
  const rows = [...plot.lines.map((line) => at(line.xs.map((x, i) => [x, line.ys[i]]))), ...plot.points.map((point) => at([[point.x, point.y]]))];
  const axis = (label, values) => ({ ...axisStyle(label), splits: () => logTicks(range(values)), values: (_, splits) => splits.map(powerText), filter: (_, splits) => splits });
  return new uPlot({
    width: Math.max(240, place.clientWidth), height: 260, legend: { show: false }, cursor: { show: false }, padding: [10, 16, 0, 0],
    scales: { x: { time: false, distr: 3, range: () => range(xs) }, y: { distr: 3, range: () => range(ys) } },
    axes: [{ ...axis(plot.xTitle, xs), size: 30 }, { ...axis(plot.yTitle, ys), size: 58 }],
    series: [{},
      ...plot.lines.map((line) => ({ stroke: line.index === null ? colour("--muted") : seriesColour(line.index), width: 1.5, dash: line.dash || [], spanGaps: true, points: { show: false } })),
      ...plot.points.map((point) => ({ stroke: seriesColour(point.index), paths: () => null, points: { show: true, size: 10, fill: seriesColour(point.index), stroke: seriesColour(point.index) } }))],
  }, [xs, ...rows], place);
}

// plot: {title, note, xTitle, yTitle, points: [{name, index, where, x, y}], lines}. -> a figure, or null without points.
function scatterFigure(plot) {
  if (plot.points.length === 0) return null;
  const columns = [
    { label: "contender", value: (point) => point.name }, { label: "point", value: (point) => point.where },
    { label: plot.xTitle, number: true, value: (point) => point.shownX === undefined ? point.x : point.shownX },
    { label: plot.yTitle, number: true, value: (point) => point.y },
  ];
  const sentence = `${plot.title}, ${plot.yTitle} against ${plot.xTitle}. ` +
    plot.points.map((point) => `${point.name} ${point.where}: ${numberText(point.y)} at ${numberText(point.shownX === undefined ? point.x : point.shownX)}`).join("; ") + ".";
  const names = distinct(plot.points.map((point) => point.index)).sort((a, b) => a - b)
    .map((index) => ({ index, name: plot.points.find((point) => point.index === index).name }));
  return drawnFigure({ ...plot, draw: scatterChart }, sentence, names, plainTable(columns, plot.points, null));
}

// Operations a second over operations a byte. The roof is the slanted line of the memory and the flat one of the
// arithmetic; a point's height under it is its share of what the machine can do.
function rooflineFigure(report, choice) {
  const machine = report.run.machine;
  const limits = machine && machine.by_threads.find((one) => one.threads === choice.threads);
  const model = report.run.models.find((one) => one.reference === choice.model);
  if (!limits || !model || limits.read.length === 0) return null;
  const points = [];
  for (const { point, result } of rowsOf(report)) {
    const bytes = result.load ? result.load.decode_weights_bytes : 0;
    const step = metric({ result }, "decode_ms_per_token");
    if (point.model !== choice.model || point.threads !== choice.threads || !bytes || step === null) continue;
    const operations = 2 * model.n_parameters * point.batch;
    points.push({
      name: result.contender, index: report.run.contenders.findIndex((one) => one.name === result.contender),
      where: AXES.map((axis) => `${axis.label} ${point[axis.key]}`).join(", "), x: operations / bytes, y: operations / (step / 1e3) / 1e9, bytes,
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
    title: "Decode under the machine's roof",
    note: `${limits.threads} threads: reads ${numberText(bandwidth)} GB/s (buffer of ${numberText(nearest.buffer_bytes / MIB)} MiB), computes ${numberText(limits.fp32_flops_per_s.best / 1e9)} GFLOP/s in fp32 (solid), ${numberText(limits.int8_ops_per_s.best / 1e9)} GOP/s in int8 (dashed); weights only, the KV cache is not counted`,
    xTitle: "operations a byte of weights", yTitle: "10^9 operations/s", points,
    lines: [roof(limits.fp32_flops_per_s.best / 1e9, []), roof(limits.int8_ops_per_s.best / 1e9, [6, 4])],
  });
}
