// How the numbers were measured: notes, disturbed trials, outliers.

function placeText(point) {
  return `${point.model_name}: ` + workloadText(point);
}

// Counts the marked trials of a row.
function markedCounts(report) {
  const counts = new Map();
  const places = new Map(report.points.map((point, index) => [point, index]));
  const at = (mark) => {
    const key = `${mark.point} ${mark.contender}`;
    if (!counts.has(key)) counts.set(key, { disturbed: 0, outliers: new Set() });
    return counts.get(key);
  };
  for (const mark of report.disturbed) if (mark.counted) ++at(mark).disturbed;
  for (const mark of report.outliers) at(mark).outliers.add(mark.block);
  return (row) => {
    const found = counts.get(`${places.get(row.point)} ${row.result.contender}`);
    return { disturbed: found ? found.disturbed : 0, outliers: found ? found.outliers.size : 0 };
  };
}

function marksText({ disturbed, outliers }) {
  return [disturbed > 0 ? `${disturbed} disturbed` : "", outliers > 0 ? counted(outliers, "outlier") : ""].filter(Boolean).join("\n");
}

function disturbedTable(report) {
  if (report.disturbed.length === 0) return null;
  return folded(counted(report.disturbed.length, "disturbed trial"), () => limitedTable([
    { label: "contender", value: (mark) => mark.contender }, { label: "point", value: (mark) => placeText(report.points[mark.point]) },
    { label: "block", number: true, value: (mark) => mark.block, text: (mark) => mark.block < 0 ? "warm-up" : String(mark.block) },
    { label: "attempt", number: true, value: (mark) => mark.attempt, text: (mark) => String(mark.attempt + 1) },
    { label: "included", value: (mark) => mark.counted ? "yes" : "no" }, { label: "disturbed by", value: (mark) => mark.disturbed_by, mark: () => "prose" }], report.disturbed),
  "Something else used the machine during these trials. A disturbed block is run again; the attempt with the fewest disturbed trials is included.");
}

function outlierTable(report) {
  if (report.outliers.length === 0) return null;
  return folded(counted(report.outliers.length, "outlier"), () => limitedTable([
    { label: "contender", value: (mark) => mark.contender }, { label: "point", value: (mark) => placeText(report.points[mark.point]) },
    { label: "block", number: true, value: (mark) => mark.block, text: (mark) => String(mark.block) },
    { label: "metric", value: (mark) => mark.metric }, { label: "value", number: true, value: (mark) => mark.value },
    { label: "median", number: true, value: (mark) => mark.median }], report.outliers),
  "Far from the other trials of the same contender and point (modified z-score above 3.5). They are included.");
}

function remarksSection(report) {
  const notes = report.notes.length === 0 ? null : element("ul", { class: "notes" }, ...report.notes.map((note) => element("li", {}, breakable(note))));
  const parts = [notes, disturbedTable(report), outlierTable(report)].filter(Boolean);
  return parts.length === 0 ? null : section("How it was measured", "remarks", ...parts);
}
