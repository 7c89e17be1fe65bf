// What every part of the page uses. All text goes in as textContent: a name is never markup.

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

// Four significant digits, as the console table has them.
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

// "2.43x (2.28-2.60)"
function speedText(speed) {
  const interval = speed.low === null ? "" : ` (${ratioText(speed.low)}-${ratioText(speed.high)})`;
  return ratioText(speed.speed_ratio) + "x" + interval;
}

// For a cell: the speed and its verdict, the interval below.
function speedLines(speed) {
  const interval = speed.low === null ? "" : `\n${ratioText(speed.low)}-${ratioText(speed.high)}`;
  return `${ratioText(speed.speed_ratio)}x ${speed.verdict}${interval}`;
}

const AXES = [
  { key: "prompt_tokens", label: "prompt", title: "context (prompt tokens)" },
  { key: "generate_tokens", label: "generate", title: "generated tokens" },
  { key: "batch", label: "batch", title: "batch" },
  { key: "threads", label: "threads", title: "threads" },
  { key: "past_tokens", label: "past", title: "tokens in the cache before the prompt" },
  { key: "shared_prefix_tokens", label: "shared prefix", title: "first tokens that all prompts share" },
];

const MIB = 1024 * 1024;

// One row for each point and contender, flat.
function rowsOf(report) {
  const rows = [];
  for (const point of report.points) {
    for (const result of point.contenders) rows.push({ point, result });
  }
  return rows;
}

function metric(row, name, field = "median") {
  const summary = row.result.metrics[name];
  return summary === undefined ? null : summary[field];
}

function distinct(values) {
  return [...new Set(values)];
}

function section(title, id, ...children) {
  return element("section", { id, "aria-labelledby": id + "-title" }, element("h2", { id: id + "-title" }, title), ...children);
}

// A heading, a sentence, and what it is about.
function subsection(title, sentence, content) {
  return element("div", { class: "sub" }, element("h3", {}, title), sentence ? element("p", { class: "muted" }, sentence) : null,
    element("div", { class: "scroll" }, content));
}

// What opens on a click.
function folded(title, content) {
  return element("details", {}, element("summary", {}, title), element("div", { class: "scroll" }, content));
}

// A name and what is said of it, over a bar of that share of the width; no bar without a share.
function bar(name, text, kind, share) {
  const made = element("div", { class: "bar" }, element("span", { class: "label" }, name), element("span", { class: `value ${kind}` }, text));
  if (share === undefined) return made;
  const fill = element("i");
  fill.style.width = `${Math.max(0.5, Math.min(100, share * 100))}%`;
  made.append(element("div", { class: "track", "aria-hidden": "true" }, fill));
  return made;
}
