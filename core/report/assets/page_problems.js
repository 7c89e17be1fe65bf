// Problems come before anything else: wrong output, failures, missed targets.

function pointsOfGroup(report, group) {
  const all = report.points.length;
  if (group.points.length === 0) return "none: quality measurement";
  if (group.points.length === 1) return placeText(report.points[group.points[0]]);
  return group.points.length === all ? `all ${all}` : `${group.points.length} of ${all}`;
}

function problemColumns(report) {
  return [
    { label: "status", value: (group) => group.status, mark: () => "failed" },
    { label: "contender", value: (group) => group.contender },
    { label: "reason", value: (group) => (group.varies ? "such as: " : "") + group.error, mark: () => "prose" },
    { label: "trials", number: true, value: (group) => group.trials, text: (group) => group.skipped > 0 ? `${group.trials}, then ${group.skipped} skipped` : String(group.trials) },
    { label: "points", value: (group) => pointsOfGroup(report, group) },
  ];
}

// The points of each group, and the last lines that the backends printed.
function problemDetails(report) {
  const some = (group) => group.points.length > 1 && group.points.length < report.points.length;
  const parts = [];
  const listed = report.failures.filter(some);
  if (listed.length > 0) {
    parts.push(foldedTable("Which points", () => plainTable([
      { label: "contender", value: (row) => row.group.contender }, { label: "status", value: (row) => row.group.status },
      { label: "point", value: (row) => placeText(report.points[row.point]) },
    ], listed.flatMap((group) => group.points.slice(0, ROWS_AT_ONCE).map((point) => ({ group, point }))), null, "wide")));
  }
  const spoken = report.failures.filter((group) => group.stderr_tail);
  if (spoken.length > 0) {
    parts.push(folded("Last stderr lines", () => element("div", {}, ...spoken.map((group) =>
      element("div", {}, element("p", {}, breakable(group.contender), `, ${group.status}`), element("pre", {}, group.stderr_tail))))));
  }
  return parts;
}

function problemsSection(report) {
  if (report.failures.length === 0) return null;
  const wrong = report.failures.some((group) => group.status === "wrong_output");
  const title = wrong ? "Wrong output and failures" : "Failures";
  return section(title, "failures", element("div", { class: "alarm" },
    ...report.failure_sentences.map((sentence) => element("p", { class: sentence.startsWith("Wrong output") ? "failed" : "" }, breakable(sentence))),
    plainTable(problemColumns(report), report.failures, null, "wide problems"), ...problemDetails(report)));
}

// Counts for a cell of the matrix of targets: "5 pass", "2 fail, 1 unclear".
function checkCounts(checks) {
  const count = (verdict) => checks.filter((check) => check.verdict === verdict).length;
  return { pass: count("pass"), fail: count("fail"), unclear: count("unclear") };
}

function countsText(counts) {
  return ["fail", "unclear", "pass"].filter((verdict) => counts[verdict] > 0).map((verdict) => `${counts[verdict]} ${verdict}`).join(", ");
}

const CHECK_ORDER = { fail: 0, unclear: 1, pass: 2 };

function targetsSection(report) {
  if (report.checks.length === 0) return null;
  const of = new Map();
  for (const check of report.checks) {
    const key = `${check.requirement}\n${check.contender}`;
    if (!of.has(key)) of.set(key, []);
    of.get(key).push(check);
  }
  const requirements = distinct(report.checks.map((check) => check.requirement));
  const contenders = distinct(report.checks.map((check) => check.contender));
  const counts = (requirement, contender) => checkCounts(of.get(`${requirement}\n${contender}`) || []);
  const matrix = plainTable([
    { label: "target", value: (requirement) => requirement, head: true },
    ...contenders.map((contender) => ({ label: contender, value: (requirement) => countsText(counts(requirement, contender)),
      mark: (requirement) => { const { fail, unclear, pass } = counts(requirement, contender); return fail > 0 ? "failed" : unclear > 0 ? "marked" : pass > 0 ? "passed" : ""; } })),
  ], requirements, null, "wide");
  const total = checkCounts(report.checks);
  const all = [...report.checks].sort((a, b) => CHECK_ORDER[a.verdict] - CHECK_ORDER[b.verdict]);
  return section("Targets", "targets", element("p", { class: total.fail > 0 ? "failed" : "" }, `${countsText(total)}, as inferbench check judges them.`),
    scrollBox("Targets by contender", matrix),
    folded(`All ${counted(all.length, "result")}`, () => limitedTable([
      { label: "verdict", value: (check) => check.verdict, mark: (check) => check.verdict === "fail" ? "failed" : check.verdict === "unclear" ? "marked" : "" },
      { label: "target", value: (check) => check.requirement }, { label: "contender", value: (check) => check.contender },
      { label: "point", value: (check) => check.point }, { label: "found", value: (check) => check.found, mark: () => "prose" }], all)));
}
