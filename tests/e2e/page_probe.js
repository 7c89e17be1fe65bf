// Runs inside the page under test, after its own scripts: uses it like a reader, and records what it saw.
(async () => {
  const settle = () => new Promise((done) => setTimeout(done, 60));
  const seen = { errors: window.probeErrors, alerts: window.probeAlerts };
  const cells = (label) => [...document.querySelectorAll(".results tbody tr")].map((row) =>
    [...row.cells].find((cell) => cell.dataset.label === label).textContent);
  const texts = (query) => [...document.querySelectorAll(query)].map((one) => one.textContent);
  seen.title = document.querySelector("h1").textContent;
  seen.facts = Object.fromEntries([...document.querySelectorAll("#about div")].map((pair) => [pair.children[0].textContent, pair.children[1].textContent]));
  seen.sections = texts("section > h2");
  seen.contents = texts("nav a");
  seen.closed = texts("details:not([open]) > summary");
  seen.cards = texts(".card");
  seen.forests = [...document.querySelectorAll("#verdict .forest")].map((table) => [...table.tBodies[0].rows].map((row) => {
    const dot = row.querySelector(".dot");
    const whisker = row.querySelector(".whisker");
    return { name: row.cells[0].textContent, text: row.cells[2].textContent, dot: dot ? parseFloat(dot.style.left) : null,
      whisker: whisker ? [parseFloat(whisker.style.left), parseFloat(whisker.style.left) + parseFloat(whisker.style.width)] : null, one: parseFloat(row.querySelector(".one").style.left) };
  }));
  const map = document.querySelector(".heat");
  seen.heat = map ? [...map.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.textContent)) : [];
  seen.heatHead = map ? [...map.tHead.rows].map((row) => [...row.cells].map((cell) => cell.textContent)) : [];
  seen.heatGrounds = map ? [...map.tBodies[0].rows].map((row) => [...row.cells].map((cell) => getComputedStyle(cell).backgroundColor)) : [];
  if (map) {
    map.querySelector("button.point").click();
    seen.detail = document.querySelector(".detail h3").textContent;
    seen.detailRows = [...document.querySelectorAll(".detail .wide tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent));
    const choice = document.querySelector("#speeds select");
    choice.value = "ttft_value";
    choice.dispatchEvent(new Event("change"));
    seen.heatValues = [...document.querySelector(".heat").tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.textContent));
  }

  for (let round = 0; round < 2; ++round) {
    for (const one of document.querySelectorAll("details")) one.open = true;
    await settle();
  }
  seen.contenders = cells("contender");
  seen.scripts = document.scripts.length;

  // The rows of every table, by section.
  seen.tables = {};
  for (const part of document.querySelectorAll("section")) {
    seen.tables[part.id] = [...part.querySelectorAll("table")].map((table) => [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.textContent)));
  }
  seen.marks = texts(".results td.marked");
  seen.bold = document.querySelectorAll("main b").length;

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

  seen.legend = texts(".legend li");
  seen.charts = [...document.querySelectorAll("figure")].map((figure) => {
    const canvas = figure.querySelector("canvas");
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const colours = new Set();
    for (let i = 0; i < pixels.length; i += 4) if (pixels[i + 3] > 200) colours.add((pixels[i] << 16) | (pixels[i + 1] << 8) | pixels[i + 2]);
    const title = figure.querySelector("h3").textContent;
    return {
      title, colours: colours.size, numbers: figure.querySelectorAll("details td").length, log: charts.some(({ drawn }) => drawn.title === title && drawn.chart.scales.y.distr === 3),
      text: figure.querySelector("[role=img]").getAttribute("aria-label"), labels: [...figure.querySelectorAll(".point-label")].map((label) => label.textContent),
    };
  });
  seen.chartTitles = seen.charts.map((chart) => chart.title);
  window.probeDone(seen);
})();
