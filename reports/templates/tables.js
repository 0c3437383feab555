"use strict";
document.documentElement.classList.add("js");

// A click on a column's head sorts by it, a second one turns the order; empty cells stay last.
const sortValue = (row, index) => {
  const cell = row.cells[index];
  const text = cell.dataset.sort === undefined ? cell.textContent.trim() : cell.dataset.sort;
  const number = Number(text.replace("−", "-").replace("∞", "Infinity"));
  return text === "" || text === "–" ? null : Number.isNaN(number) ? text : number;
};
const sortRows = (table, index, down) => {
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [sortValue(row, index), row]);
  rows.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null);
    const order =
      typeof a === "number" && typeof b === "number"
        ? a - b
        : String(a).localeCompare(String(b), undefined, { numeric: true });
    return down ? -order : order;
  });
  body.append(...rows.map(([, row]) => row));
};
const makeSortable = (table) => {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const down = before ? before === "ascending" : head.dataset.first === "descending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      sortRows(table, index, down);
    });
  });
};
document.querySelectorAll("table[data-sortable]").forEach(makeSortable);

// Files that the page holds, from its buttons.
const save = (blob, name) => {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
};
for (const button of document.querySelectorAll("[data-save]")) {
  button.addEventListener("click", () => save(new Blob([button.dataset.text]), button.dataset.save));
}

// A board's rows, by what is typed and by data set; its columns, by metric.
for (const box of document.querySelectorAll("[data-filters]")) {
  const [text, set] = [box.querySelector("[type=search]"), box.querySelector("select")];
  const status = box.querySelector("[aria-live]");
  const count = (shown, all) => `${shown === all ? "" : `${shown} of `}${all} method${all === 1 ? "" : "s"}`;
  const filter = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let [shown, all] = [0, 0];
    for (const section of document.querySelectorAll("section[data-set]")) {
      section.hidden = Boolean(set && set.value && set.value !== section.dataset.set);
      let here = 0;
      for (const row of section.querySelectorAll("tbody tr")) {
        const name = row.querySelector("th").textContent.toLowerCase();
        row.hidden = !words.every((word) => name.includes(word));
        here += !row.hidden && !row.closest(".costs");
      }
      const every = section.querySelector("tbody").rows.length;
      section.querySelector("[data-count]").textContent = count(here, every);
      all += every;
      shown += section.hidden ? 0 : here;
    }
    status.textContent = count(shown, all);
    const off = [...box.querySelectorAll("[type=checkbox]:not(:checked)")].map((each) => each.value);
    for (const cell of document.querySelectorAll("[data-metric]")) cell.hidden = off.includes(cell.dataset.metric);
  };
  box.addEventListener("input", filter);
  filter();
}
