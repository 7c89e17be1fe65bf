// A table with sortable columns and filterable rows.
// columns: {label, value: row -> number, text or null, text: row -> string, number, head, mark: row -> class}; head: the
// cell names its row.

const ROWS_AT_ONCE = 300;

function compareValues(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

function shownText(column, row) {
  if (column.text) return column.text(row);
  const value = column.value(row);
  if (value === null || value === undefined) return "";
  return typeof value === "number" ? numberText(value) : String(value);
}

function plainTable(columns, rows, caption, className) {
  const head = element("tr", {}, ...columns.map((column) =>
    element("th", { scope: "col", class: column.number ? "number" : "" }, breakable(column.label))));
  const body = element("tbody");
  for (const row of rows) body.append(tableRow(columns, row));
  return element("table", { class: className || "" }, caption ? element("caption", {}, caption) : null, element("thead", {}, head), body);
}

// A table that shows its first rows, and the others on demand.
function limitedTable(columns, rows) {
  const table = plainTable(columns, rows.slice(0, ROWS_AT_ONCE), null, "wide");
  const box = scrollBox("Table", table);
  if (rows.length <= ROWS_AT_ONCE) return box;
  const more = element("button", { type: "button", class: "more", onclick: () => {
    table.tBodies[0].append(...rows.slice(ROWS_AT_ONCE).map((row) => tableRow(columns, row)));
    more.remove();
  } }, `Show all ${counted(rows.length, "row")}`);
  return element("div", {}, box, more);
}

function tableRow(columns, row) {
  return element("tr", {}, ...columns.map((column) => {
    const kind = ((column.number ? "number " : "text ") + (column.mark ? column.mark(row) : "")).trim();
    const text = shownText(column, row);
    const content = text === "" || column.number ? text : element("span", {}, breakable(text));
    if (column.head) return element("th", { scope: "row", class: kind, data: { label: column.label } }, content);
    return element("td", { class: kind, data: { label: column.label } }, content);
  }));
}

class SortingTable {
  constructor(columns, rows, caption) {
    this.columns = columns;
    this.rows = rows.map((row) => ({ row, words: columns.map((column) => shownText(column, row)).join(" ").toLowerCase() }));
    this.sorted = null;
    this.descending = false;
    this.words = [];
    this.limit = ROWS_AT_ONCE;
    this.body = element("tbody");
    this.count = element("span", { class: "muted", role: "status" });
    this.more = element("button", { type: "button", class: "more", onclick: () => { this.limit = Infinity; this.draw(); } }, "Show all rows");
    this.heads = columns.map((column, index) => element("th", { scope: "col", class: column.number ? "number" : "" },
      element("button", { type: "button", onclick: () => this.sortBy(index) }, column.label)));
    const search = element("input", { type: "search", id: "filter", placeholder: "such as int8 or crashed", autocomplete: "off" });
    search.addEventListener("input", () => { this.words = search.value.toLowerCase().split(/\s+/).filter(Boolean); this.draw(); });
    const table = element("table", { class: "results wide" }, element("caption", {}, caption),
      element("thead", {}, element("tr", {}, ...this.heads)), this.body);
    this.root = element("div", {},
      element("div", { class: "controls" }, element("label", {}, "filter rows", search), this.phoneSort(), this.count),
      scrollBox("All results", table), this.more);
    this.draw();
  }

  // A sort menu for narrow screens, where the column heads are hidden.
  phoneSort() {
    const select = element("select", { id: "sort-by" }, element("option", { value: "" }, "as measured"),
      ...this.columns.map((column, index) => element("option", { value: index }, column.label)));
    select.addEventListener("change", () => { this.sorted = null; if (select.value !== "") this.sortBy(Number(select.value)); else this.draw(); });
    return element("label", {}, "sort by", select);
  }

  sortBy(index) {
    this.descending = this.sorted === index ? !this.descending : this.columns[index].best === "most";
    this.sorted = index;
    this.draw();
  }

  draw() {
    const kept = this.rows.filter((entry) => this.words.every((word) => entry.words.includes(word)));
    if (this.sorted !== null) {
      const value = this.columns[this.sorted].value;
      const sign = this.descending ? -1 : 1;
      kept.sort((a, b) => {
        const [x, y] = [value(a.row), value(b.row)];
        return x === null || y === null ? compareValues(x, y) : sign * compareValues(x, y);  // rows without a value stay last
      });
    }
    this.heads.forEach((head, index) => {
      if (index === this.sorted) head.setAttribute("aria-sort", this.descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    this.body.replaceChildren(...kept.slice(0, this.limit).map((entry) => tableRow(this.columns, entry.row)));
    const shown = Math.min(kept.length, this.limit);
    this.count.textContent = `${shown} of ${counted(this.rows.length, "row")}`;
    this.more.hidden = kept.length <= this.limit;
  }
}
