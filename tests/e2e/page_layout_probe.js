// Runs inside the page under test: checks that nothing is cut off or covered, both initially and fully expanded.
(async () => {
  const settle = () => new Promise((done) => setTimeout(done, 60));

  const clipped = (one) => {
    for (let at = one; at; at = at.parentElement) if (getComputedStyle(at).clipPath !== "none") return true;
    return false;
  };
  const visible = (one) => one.checkVisibility({ visibilityProperty: true }) && !clipped(one);
  const scrolls = (one) => ["auto", "scroll"].includes(getComputedStyle(one).overflowX);
  const name = (one) => `${one.tagName.toLowerCase()}.${one.className}: ${one.textContent.trim().slice(0, 50)}`;

  // The part of a box that is visible inside its clipping ancestors.
  const inside = (box, one) => {
    let { left, right, top, bottom } = box;
    for (let at = one; at; at = at.parentElement) {
      if (getComputedStyle(at).overflowX === "visible") continue;
      const frame = at.getBoundingClientRect();
      [left, right, top, bottom] = [Math.max(left, frame.left), Math.min(right, frame.right), Math.max(top, frame.top), Math.min(bottom, frame.bottom)];
    }
    return { left, right, top, bottom };
  };

  const textNodes = () => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
      const node = walker.currentNode;
      const parent = node.parentElement;
      if (node.data.trim() !== "" && !["SCRIPT", "STYLE", "NOSCRIPT", "OPTION"].includes(parent.tagName) && visible(parent)) found.push(node);
    }
    return found;
  };

  const lines = (node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    return [...range.getClientRects()];
  };

  const overlaps = (nodes) => {
    const boxes = nodes.flatMap((node) => lines(node).map((box) => ({ node, ...inside(box, node.parentElement) })))
      .filter((box) => box.right - box.left > 1 && box.bottom - box.top > 1 && !box.node.parentElement.closest(".legend")).sort((a, b) => a.top - b.top);
    const found = [];
    boxes.forEach((a, i) => {
      for (let k = i + 1; k < boxes.length && boxes[k].top < a.bottom - 4; ++k) {
        const b = boxes[k];
        if (a.node === b.node || a.left >= b.right - 1.5 || b.left >= a.right - 1.5) continue;
        found.push(`"${a.node.data.trim().slice(0, 30)}" and "${b.node.data.trim().slice(0, 30)}" at ${Math.round(a.left)},${Math.round(a.top + scrollY)}`);
      }
    });
    return found;
  };

  // Words of letters and digits that are split across two lines, unless they are longer than a line.
  const broken = (nodes) => {
    const found = [];
    for (const node of nodes) {
      if (getComputedStyle(node.parentElement).overflowWrap === "anywhere" && node.parentElement.closest("pre")) continue;
      for (const match of node.data.matchAll(/[A-Za-z0-9]+/g)) {
        if (match[0].length > 30) continue;
        const range = document.createRange();
        range.setStart(node, match.index);
        range.setEnd(node, match.index + match[0].length);
        const tops = new Set([...range.getClientRects()].filter((box) => box.width > 0).map((box) => Math.round(box.top)));
        if (tops.size > 1) found.push(`${match[0]} in ${name(node.parentElement)}`);
      }
    }
    return found;
  };

  const wider = () => [...document.querySelectorAll("body *")].filter((one) =>
    visible(one) && one.clientWidth > 0 && one.scrollWidth > one.clientWidth + 1 && !scrolls(one) && !["SELECT", "INPUT"].includes(one.tagName)).map(name);

  const outside = () => [...document.querySelectorAll("body *")].filter((one) => {
    if (!visible(one)) return false;
    const box = one.getBoundingClientRect();
    const seen = inside(box, one.parentElement);
    return box.width > 1 && seen.right > seen.left && (seen.right > innerWidth + 1 || seen.left < -1);
  }).map(name);

  // Boxes that scroll without saying so.
  const silent = () => [...document.querySelectorAll(".scroll")].filter((box) =>
    visible(box) && box.scrollWidth > box.clientWidth + 1 && (box.previousElementSibling.hidden || !box.hasAttribute("tabindex"))).map(name);

  // Overlaps of labels on the canvas, from the positions that the chart library gives them.
  const axisOverlaps = () => {
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = CHART_FONT;
    const found = [];
    let drawn = 0;
    for (const { title, chart } of charts.map((redraw) => redraw.drawn)) {
      if (!chart) continue;
      chart.axes.forEach((axis, i) => {
        const labels = (axis._values || []).map((text, k) => ({ text: text === null ? "" : String(text), at: chart.valToPos(axis._splits[k], i === 0 ? "x" : "y") })).filter((label) => label.text !== "");
        const half = (label) => i === 0 ? pen.measureText(label.text).width / 2 : 6;
        labels.sort((a, b) => a.at - b.at);
        drawn += labels.length;
        for (let k = 1; k < labels.length; ++k) if (labels[k - 1].at + half(labels[k - 1]) > labels[k].at - half(labels[k])) found.push(`${title}: ${labels[k - 1].text} and ${labels[k].text}`);
        if (i === 0) for (const label of labels) if (label.at + half(label) > chart.width - chart.over.offsetLeft + 1) found.push(`${title}: ${label.text} is cut`);
        if (i === 1) for (const label of labels) if (pen.measureText(label.text).width > chart.over.offsetLeft - 24) found.push(`${title}: ${label.text} is too long`);
      });
    }
    return { found, drawn };
  };

  const rgb = (text) => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    const pen = canvas.getContext("2d");
    pen.fillStyle = text;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const known = new Map();
  const colourOf = (text) => { if (!known.has(text)) known.set(text, rgb(text)); return known.get(text); };
  const luminance = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const groundOf = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = colourOf(getComputedStyle(at).backgroundColor);
      if (colour[3] > 250) return colour;
    }
    return [255, 255, 255, 255];
  };
  // WCAG contrast of text with its background.
  const faint = (nodes) => distinct(nodes.map((node) => {
    const one = node.parentElement;
    const [a, b] = [luminance(colourOf(getComputedStyle(one).color)), luminance(groundOf(one))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    return contrast < 4.5 ? `${contrast.toFixed(2)} of ${name(one)}` : null;
  }).filter(Boolean));

  const look = () => {
    const nodes = textNodes();
    const axes = axisOverlaps();
    return { texts: nodes.length, wider: wider(), outside: outside(), overlaps: overlaps(nodes), broken: broken(nodes), silent: silent(), faint: faint(nodes), axes: axes.found, axisLabels: axes.drawn };
  };

  await settle();
  const seen = { errors: window.probeErrors, width: innerWidth, pageWidth: document.documentElement.scrollWidth, ground: getComputedStyle(document.body).backgroundColor };
  seen.closed = look();
  const points = [...document.querySelectorAll("button.point")];
  if (points.length > 0) points[points.length - 1].click();
  for (const one of document.querySelectorAll("details")) one.open = true;
  await settle();
  for (const one of document.querySelectorAll("details")) one.open = true;  // those inside of others
  await settle();
  seen.open = look();
  seen.openWidth = document.documentElement.scrollWidth;

  // Accessibility for users of screen readers.
  const levels = [...document.querySelectorAll("h1, h2, h3, h4")].map((heading) => Number(heading.tagName[1]));
  seen.headingJumps = levels.filter((level, i) => level > (i === 0 ? 0 : levels[i - 1]) + 1).length;
  seen.headsWithoutScope = [...document.querySelectorAll("th:not([scope])")].map(name);
  seen.chartsWithoutText = [...document.querySelectorAll(".chart")].filter((one) => one.getAttribute("role") !== "img" || (one.getAttribute("aria-label") || "").length < 30).length;
  seen.legends = document.querySelectorAll(".legend").length;
  seen.deadLinks = [...document.querySelectorAll("nav a")].filter((link) => !document.querySelector(link.getAttribute("href"))).map(name);
  seen.links = document.querySelectorAll("nav a").length;
  window.probeDone(seen);
})();
