// Helpers for every part of the page. All text is set as textContent, so a name is never parsed as markup.

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "class") made.className = value;
    else if (key === "data") Object.assign(made.dataset, value);
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  for (const child of children) if (child !== null && child !== undefined) made.append(child);
  return made;
}

// Four significant digits, as in the console table.
function numberText(value) {
  if (value === null || value === undefined) return "";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e7 || size < 5e-4)) return value.toExponential(2);
  if (size >= 999.95) return value.toFixed(0);
  if (size >= 99.995) return value.toFixed(1);
  if (size >= 9.9995) return value.toFixed(2);
  return value.toFixed(3);
}

function ratioText(ratio) {
  if (ratio >= 99.95) return ratio.toFixed(0);
  return ratio >= 9.995 ? ratio.toFixed(1) : ratio.toFixed(2);
}

// "2.28-2.60"; with a third decimal if two would show a bound as 1 that is not.
function intervalText(low, high) {
  const hides = (bound) => bound !== 1 && ratioText(bound) === "1.00";
  if ((hides(low) || hides(high)) && high < 9.9995) return `${low.toFixed(3)}-${high.toFixed(3)}`;
  return `${ratioText(low)}-${ratioText(high)}`;
}

// "2.43x (2.28-2.60)"
function speedText(speed) {
  const interval = speed.low === null ? "" : ` (${intervalText(speed.low, speed.high)})`;
  return ratioText(speed.speed_ratio) + "x" + interval;
}

// For a table cell: the speed and its verdict, with the interval below.
function speedLines(speed) {
  const interval = speed.low === null ? "" : `\n${intervalText(speed.low, speed.high)}`;
  return `${ratioText(speed.speed_ratio)}x ${speed.verdict}${interval}`;
}

// "1 trial", "3 trials"; only for nouns whose plural ends in a plain s
function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

const MARKS = { faster: "+", slower: "-", same: "=", unclear: "?" };

// Empty if there are too few blocks for a verdict.
function verdictMark(verdict) {
  return MARKS[verdict] || "";
}

// Allows line breaks in a long name or path only after its separators.
function breakable(text) {
  const made = document.createDocumentFragment();
  for (const word of String(text).split(/(\s+)/)) {
    const pieces = word.length > 12 ? word.split(/(?<=[/:_,=|@])(?=[^/:_,=|@])/) : [word];
    pieces.forEach((piece, i) => made.append(...(i > 0 ? [document.createElement("wbr"), piece] : [piece])));
  }
  made.normalize();
  return made;
}

function shortened(text, limit) {
  if (text.length <= limit) return text;
  const tail = Math.ceil((limit - 1) / 2);
  return text.slice(0, limit - 1 - tail) + "\u2026" + text.slice(text.length - tail);
}

const AXES = [
  { key: "prompt_tokens", label: "prompt", title: "context (prompt tokens)" },
  { key: "generate_tokens", label: "generate", title: "generated tokens" },
  { key: "batch", label: "batch", title: "batch" },
  { key: "threads", label: "threads", title: "threads" },
  { key: "past_tokens", label: "past", title: "tokens in the cache before the prompt" },
  { key: "shared_prefix_tokens", label: "shared prefix", title: "first tokens that all prompts share" },
  { key: "scenario", label: "scenario", title: "how requests arrive", words: true },  // of runs with scenarios
  { key: "machine", label: "node", title: "node", words: true },  // of runs that were merged with --each-node
];

const MIB = 1024 * 1024;

// "prompt 32, generate 8, batch 1, threads 2", without values that are 0.
function workloadText(point) {
  return AXES.filter((axis) => point[axis.key]).map((axis) => `${axis.label} ${point[axis.key]}`).join(", ");
}

// "cuda:0", or null for a contender on the CPUs.
function deviceOf(report, name) {
  const contender = report.run.contenders.find((one) => one.name === name);
  return contender && contender.device && contender.device !== "cpu" ? contender.device : null;
}

// False for a contender on a device or a server at all but one of the points that differ in threads alone, and for a
// server at batches.
function runsAt(result) {
  return result.planned !== false || result.ok + result.failed > 0;
}

// One row per point and contender that runs there.
function rowsOf(report) {
  const rows = [];
  for (const point of report.points) {
    for (const result of point.contenders) if (runsAt(result)) rows.push({ point, result });
  }
  return rows;
}

function metric(row, name, field = "median") {
  const summary = row.result.metrics[name];
  return summary === undefined ? null : summary[field];
}

// A metric's row in the program's metric table: name, unit, title, column, kind ("speed", "memory", "energy", "other").
function metricInfo(report, name) {
  return report.metrics.find((one) => one.name === name) || { name, unit: "", title: name, column: name, kind: "other" };
}

function distinct(values) {
  return [...new Set(values)];
}

function section(title, id, ...children) {
  return element("section", { id, "aria-labelledby": id + "-title" }, element("h2", { id: id + "-title" }, title), ...children);
}

// Content that is too wide scrolls inside this box, which then shows a hint.
function scrollBox(name, content) {
  const box = element("div", { class: "scroll", role: "group", "aria-label": name }, content);
  const hint = element("p", { class: "hint muted", hidden: "" }, "Scroll sideways for the rest \u2192");
  const measure = () => {
    const wider = box.scrollWidth > box.clientWidth + 1;
    hint.hidden = !wider;
    box.classList.toggle("wider", wider && box.scrollLeft + box.clientWidth < box.scrollWidth - 1);
    if (wider) box.setAttribute("tabindex", "0");
    else box.removeAttribute("tabindex");
  };
  new ResizeObserver(measure).observe(box);
  if (content instanceof Element) new ResizeObserver(measure).observe(content);
  queueMicrotask(measure);  // after insertion into the page: right even before a size is observed
  box.addEventListener("scroll", measure, { passive: true });
  return element("div", { class: "scroller" }, hint, box);
}

// A collapsed section. Its content is created when it is first opened.
function folded(title, make, sentence) {
  const made = element("details", {}, element("summary", {}, title));
  made.addEventListener("toggle", () => {
    if (!made.open || made.childElementCount > 1) return;
    if (sentence) made.append(element("p", { class: "muted" }, sentence));
    made.append(make());
  });
  return made;
}

function foldedTable(title, make, sentence) {
  return folded(title, () => scrollBox(title, make()), sentence);
}

// A name and a text over a bar whose width is the share; no bar if the share is undefined.
function bar(name, text, kind, share) {
  const made = element("div", { class: "bar" }, element("span", { class: "label" }, breakable(name)), element("span", { class: `value ${kind}` }, text));
  if (share === undefined) return made;
  const fill = element("i");
  fill.style.width = `${Math.max(0.5, Math.min(100, share * 100))}%`;
  made.append(element("div", { class: "track", "aria-hidden": "true" }, fill));
  return made;
}
