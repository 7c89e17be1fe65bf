// Charts, drawn by uPlot. All share one legend. Each has a sentence for screen readers and a table of its numbers.

const SERIES_COLOURS = 8;
const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3]];
const charts = [];  // functions that redraw for a new width, color scheme or paper
const CHART_FONT = "12px system-ui, sans-serif";

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function seriesColour(index) {
  return colour(`--series-${index % SERIES_COLOURS}`);
}

function dashOf(index) {
  return DASHES[Math.floor(index / SERIES_COLOURS + index) % DASHES.length];
}

function legendOf(series) {
  const svg = "http://www.w3.org/2000/svg";
  return element("ul", { class: "legend" }, ...series.map((one) => {
    const picture = document.createElementNS(svg, "svg");
    picture.setAttribute("width", "26");
    picture.setAttribute("height", "10");
    picture.setAttribute("aria-hidden", "true");
    const line = document.createElementNS(svg, "line");
    for (const [key, value] of Object.entries({ x1: 1, x2: 25, y1: 5, y2: 5, "stroke-width": 3, "stroke-dasharray": dashOf(one.index).join(" ") })) {
      line.setAttribute(key, value);
    }
    line.style.stroke = `var(--series-${one.index % SERIES_COLOURS})`;
    picture.append(line);
    return element("li", {}, picture, element("span", {}, breakable(one.name)));
  }));
}

// For each point, a line from the lowest to the highest trial.
function drawWhiskers(chart, series) {
  const context = chart.ctx;
  context.save();
  context.lineWidth = 1.5 * devicePixelRatio;
  series.forEach((one) => {
    if (!one.low) return;
    context.strokeStyle = seriesColour(one.index);
    one.values.forEach((value, i) => {
      if (value === null || one.low[i] === null) return;
      const x = chart.valToPos(chart.data[0][i], "x", true);
      context.beginPath();
      context.moveTo(x, chart.valToPos(one.low[i], "y", true));
      context.lineTo(x, chart.valToPos(one.high[i], "y", true));
      context.stroke();
    });
  });
  context.restore();
}

// A line across the chart at a value that is not to be exceeded.
function drawBound(chart, bound) {
  if (!bound) return;
  const context = chart.ctx;
  const y = chart.valToPos(bound, "y", true);
  context.save();
  context.strokeStyle = colour("--bad");
  context.lineWidth = 1.5 * devicePixelRatio;
  context.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  context.beginPath();
  context.moveTo(chart.bbox.left, y);
  context.lineTo(chart.bbox.left + chart.bbox.width, y);
  context.stroke();
  context.restore();
}

function drawBars(chart, series) {
  const context = chart.ctx;
  context.save();
  const width = chart.bbox.width / series.length;
  series.forEach((one, s) => {
    const value = one.values[0];
    if (value === null) return;
    const top = chart.valToPos(value, "y", true);
    context.fillStyle = seriesColour(one.index);
    context.fillRect(chart.bbox.left + width * (s + 0.2), top, width * 0.6, chart.valToPos(0, "y", true) - top);
    if (!one.low || one.low[0] === null) return;
    context.strokeStyle = colour("--text");
    context.lineWidth = 1.5 * devicePixelRatio;
    context.beginPath();
    context.moveTo(chart.bbox.left + width * (s + 0.5), chart.valToPos(one.low[0], "y", true));
    context.lineTo(chart.bbox.left + width * (s + 0.5), chart.valToPos(one.high[0], "y", true));
    context.stroke();
  });
  context.restore();
}

function axisStyle(label) {
  return {
    label, labelSize: 22, labelGap: 0, labelFont: CHART_FONT, font: CHART_FONT,
    stroke: colour("--muted"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { stroke: colour("--grid"), width: 1, size: 5 },
  };
}

// The step between shown labels, so that they fit into the width.
function labelStep(labels, width) {
  const widest = Math.max(...labels.map((label) => String(label).length)) * 7.5 + 10;
  return Math.max(1, Math.ceil(labels.length * widest / Math.max(1, width)));
}

function shownValues(plot) {
  return [...plot.series.flatMap((one) => [...one.values, ...(one.low || []), ...(one.high || [])]), plot.bound || null].filter((value) => value !== null && (!plot.log || value > 0));
}

// A logarithmic axis if plot.log is set and there are values above 0; otherwise a linear axis from 0.
function yScale(plot) {
  const values = shownValues(plot);
  if (!plot.log || values.length === 0) {
    const highest = Math.max(0, ...values);
    return { scale: { range: () => [0, (highest || 1) * 1.06] }, axis: { values: (_, splits) => splits.map(tickText) } };
  }
  const range = [Math.min(...values) / 1.25, Math.max(...values) * 1.25];
  return { scale: { distr: 3, range: () => range }, axis: { splits: () => logTicks(range, 7), values: (_, splits) => splits.map(tickText), filter: (_, splits) => splits } };
}

function tickText(value) {
  return value >= 1e6 ? `${+(value / 1e6).toPrecision(4)}M` : value >= 1e4 ? `${+(value / 1e3).toPrecision(4)}k` : String(+value.toPrecision(6));
}

// With a single x: bars if they can start at 0, otherwise dots.
function lineChart(plot, place) {
  const { series, xs, yTitle, xTitle } = plot;
  const single = xs.length === 1;
  const bars = single && !plot.log;
  const dots = single && !bars;
  const width = Math.max(220, place.clientWidth);
  const step = labelStep(xs, width - 80);
  const positions = dots ? series.map((_, index) => index) : xs.map((_, index) => index);
  const spread = (one, s) => dots ? series.map((_, i) => i === s ? one.values[0] : null) : one.values;
  const y = yScale(plot);
  const options = {
    width, height: 230, legend: { show: false }, cursor: { show: false }, padding: [10, 14, 0, 0],
    scales: { x: { time: false, range: () => bars ? [-0.5, 0.5] : dots ? [-0.7, series.length - 0.3] : [-0.2, xs.length - 0.8] }, y: y.scale },
    axes: [
      { ...axisStyle(single ? `${xTitle} ${xs[0]}` : xTitle), splits: () => single ? [] : positions.filter((i) => i % step === 0), values: (_, splits) => splits.map((i) => String(xs[i])), grid: { show: false }, size: 30 },
      { ...axisStyle(yTitle), size: 58, ...y.axis },
    ],
    series: [{}, ...series.map((one) => ({
      stroke: seriesColour(one.index), width: 2, dash: dashOf(one.index), spanGaps: false,
      paths: single ? () => null : undefined,
      points: { show: !bars, size: dots ? 10 : 7, fill: seriesColour(one.index), stroke: seriesColour(one.index) },
    }))],
    hooks: { draw: [(chart) => drawBound(chart, plot.bound), (chart) => bars ? drawBars(chart, series) : drawWhiskers(chart, series.map((one, s) => !dots || !one.low ? one : { ...one, values: spread(one, s), low: spread({ values: one.low }, s), high: spread({ values: one.high }, s) }))] },
  };
  return new uPlot(options, [positions, ...series.map(spread)], place);
}

// plot: {title, note, xTitle, yTitle, xs, series: [{name, index, values, low, high}]}; values are null where nothing
// was measured. plot.bound: a value to draw a line at. Returns a figure, or null if there is nothing to draw.
function figure(plot) {
  plot.series = plot.series.filter((one) => one.values.some((value) => value !== null));
  if (plot.series.length === 0 || plot.xs.length === 0) return null;
  return drawnFigure({ ...plot, draw: lineChart }, sentenceOf(plot), () => numbersOf(plot));
}

// plot.draw(plot, place) creates the chart, numbers() the table of its values.
function drawnFigure(plot, sentence, numbers) {
  const place = element("div", { class: "chart", role: "img", "aria-label": sentence });
  const one = { title: plot.title, chart: null };
  const redraw = () => {
    if (!place.isConnected) return false;
    if (one.chart) one.chart.destroy();
    one.chart = plot.draw(plot, place);
    return true;
  };
  redraw.drawn = one;
  charts.push(redraw);
  return element("figure", {}, element("figcaption", {}, element("h3", {}, plot.title), plot.note ? element("span", { class: "muted" }, plot.note) : null),
    place, foldedTable("Numbers", numbers));
}

function sentenceOf(plot) {
  const parts = plot.series.map((one) => `${one.name}: ` + plot.xs.map((x, i) => one.values[i] === null ? null : `${numberText(one.values[i])} at ${x}`).filter(Boolean).join(", "));
  return `${plot.title}, ${plot.yTitle} by ${plot.xTitle}. ${parts.join("; ")}.`;
}

function numbersOf(plot) {
  const columns = [{ label: plot.xTitle, value: (row) => row.x, text: (row) => String(row.x) }];
  for (const one of plot.series) {
    columns.push({ label: one.name, number: true, value: (row) => one.values[row.i] });
    if (one.low) columns.push({ label: "low to high", number: true, value: (row) => one.low[row.i], text: (row) => one.low[row.i] === null ? "" : `${numberText(one.low[row.i])} to ${numberText(one.high[row.i])}` });
  }
  return plainTable(columns, plot.xs.map((x, i) => ({ x, i })), plot.yTitle);
}

function drawCharts() {
  for (let i = charts.length - 1; i >= 0; --i) if (!charts[i]()) charts.splice(i, 1);
}

function watchSurroundings() {
  let width = window.innerWidth;
  window.addEventListener("resize", () => { if (window.innerWidth !== width) { width = window.innerWidth; drawCharts(); } });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCharts);
  window.addEventListener("beforeprint", () => { document.documentElement.classList.add("printing"); drawCharts(); });
  window.addEventListener("afterprint", () => { document.documentElement.classList.remove("printing"); drawCharts(); });
}
