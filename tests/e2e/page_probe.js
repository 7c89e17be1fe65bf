// Runs inside the page under test, after its own scripts: uses it as a reader would, and leaves what it saw as JSON.
(() => {
  const seen = { errors: window.probeErrors, alerts: window.probeAlerts };
  const cells = (label) => [...document.querySelectorAll(".results tbody tr")].map((row) =>
    [...row.cells].find((cell) => cell.dataset.label === label).textContent);
  seen.title = document.querySelector("h1").textContent;
  seen.sections = [...document.querySelectorAll("section > h2")].map((heading) => heading.textContent);
  seen.contenders = cells("contender");
  seen.scripts = document.scripts.length;

  // Of the rows of every table in a section.
  seen.tables = {};
  for (const part of document.querySelectorAll("section")) {
    seen.tables[part.id] = [...part.querySelectorAll("table")].map((table) => [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.textContent)));
  }
  seen.marks = [...document.querySelectorAll(".results td.marked")].map((cell) => cell.textContent);
  seen.bold = document.querySelectorAll("main b").length;

  const rgb = (text) => text.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const groundOf = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  seen.ground = getComputedStyle(document.body).backgroundColor;
  seen.contrasts = {};
  for (const what of ["body", "main .muted", ".card .muted", ".faster", ".failed", ".marked", "a", "summary", "pre", "td"]) {
    for (const one of [...document.querySelectorAll(what)].slice(0, 3)) {
      const [a, b] = [luminance(rgb(getComputedStyle(one).color)), luminance(groundOf(one))];
      const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      seen.contrasts[what] = Math.min(contrast, seen.contrasts[what] ?? Infinity);
    }
  }

  const head = [...document.querySelectorAll(".results thead button")].find((button) => button.textContent === "decode tok/s");
  head.click();
  seen.sorted = cells("decode tok/s");
  seen.sortedMark = head.parentElement.getAttribute("aria-sort");
  head.click();
  seen.sortedBack = cells("decode tok/s");

  const filter = document.getElementById("filter");
  filter.value = "INT8 faster";
  filter.dispatchEvent(new Event("input"));
  seen.filtered = cells("contender");
  seen.count = document.querySelector("[role=status]").textContent;
  filter.value = "";
  filter.dispatchEvent(new Event("input"));

  seen.charts = [...document.querySelectorAll("figure")].map((figure) => {
    const canvas = figure.querySelector("canvas");
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const colours = new Set();
    for (let i = 0; i < pixels.length; i += 4) if (pixels[i + 3] > 200) colours.add((pixels[i] << 16) | (pixels[i + 1] << 8) | pixels[i + 2]);
    return {
      title: figure.querySelector("h3").textContent, colours: colours.size, numbers: figure.querySelectorAll("details td").length,
      text: figure.querySelector("[role=img]").getAttribute("aria-label"), legend: figure.querySelectorAll(".legend li").length,
    };
  });

  seen.chartTitles = seen.charts.map((chart) => chart.title);
  seen.width = window.innerWidth;
  seen.pageWidth = document.documentElement.scrollWidth;
  // Whatever can be scrolled sideways inside of itself is not cut.
  seen.cut = [...document.querySelectorAll("body *")].filter((one) => {
    const box = one.getBoundingClientRect();
    return box.width > 1 && box.right > window.innerWidth + 1 && !one.closest(".scroll, details:not([open])");
  }).map((one) => `${one.tagName}.${one.className}: ${one.textContent.slice(0, 40)}`);
  const result = document.createElement("pre");
  result.id = "probe-result";
  result.textContent = btoa(unescape(encodeURIComponent(JSON.stringify(seen))));
  document.body.append(result);
})();
