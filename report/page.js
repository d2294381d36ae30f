"use strict";
// The table of rows is whole without this: search, filter and sort are added to it.
(function () {
  const table = document.getElementById("problems");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const search = document.getElementById("search");
  const filter = document.getElementById("filter");
  const shown = document.getElementById("shown");
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const texts = rows.map(function (row) {
    return Array.from(row.cells, function (cell) { return cell.textContent; }).join(" ").toLowerCase();
  });
  let status = "";

  function apply() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    rows.forEach(function (row, i) {
      const fits = (status === "" || row.dataset.status === status) &&
        words.every(function (word) { return texts[i].includes(word); });
      row.hidden = !fits;
      if (fits) count++;
    });
    shown.textContent = count === rows.length ? "" :
      count.toLocaleString("en") + " of " + rows.length.toLocaleString("en") + " rows shown";
  }

  function choose(wanted) {
    status = wanted;
    filter.querySelectorAll("button").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.dataset.status === wanted));
    });
    apply();
  }

  // key returns what a row is sorted by in a column; null, for a blank, comes last.
  function key(row, column, kind) {
    const text = row.cells[column].textContent;
    switch (kind) {
      case "place": return row.id.split("-").slice(1).map(Number);
      case "rank": return Number(row.dataset.rank);
      case "number": {
        const value = parseFloat(text.replace(",", ".")); // a cell may have a decimal comma
        return Number.isNaN(value) ? null : value;
      }
    }
    return text === "" ? null : text;
  }

  function compare(a, b) {
    if (Array.isArray(a)) return a[0] - b[0] || a[1] - b[1];
    return typeof a === "number" ? a - b : collator.compare(a, b);
  }

  function sort(header, column) {
    const down = header.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keyed = rows.map(function (row, at) { return { row, at, key: key(row, column, header.dataset.sort) }; });
    keyed.sort(function (a, b) {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.at - b.at;
      const order = compare(a.key, b.key);
      return (down ? -order : order) || a.at - b.at;
    });
    body.append(...keyed.map(function (item) { return item.row; }));
  }

  // reveal brings the row that a link names into sight, whatever is filtered.
  function reveal() {
    const row = document.getElementById(location.hash.slice(1));
    if (!row || row.parentNode !== body) return;
    if (row.hidden) {
      search.value = "";
      choose("");
    }
    row.scrollIntoView({ block: "center", inline: "nearest" });
  }

  Array.from(table.tHead.rows[0].cells).forEach(function (header, column) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    button.addEventListener("click", function () { sort(header, column); });
    header.dataset.title = button.textContent;
    header.replaceChildren(button);
  });
  filter.addEventListener("click", function (event) {
    const button = event.target.closest("button");
    if (button) choose(button.dataset.status);
  });
  search.addEventListener("input", apply);
  window.addEventListener("hashchange", reveal);
  document.addEventListener("click", function (event) {
    const link = event.target.closest("main a");
    if (link && link.getAttribute("href") === location.hash) reveal(); // the same link again changes no hash
  });
  document.getElementById("controls").hidden = false;
  reveal();
})();
