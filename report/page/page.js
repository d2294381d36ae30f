"use strict";
// The page is whole without this: it adds pictures, and search, filter and sort
// to the table of rows.

// The strip above the tiles: how large a part of the rows each status has.
(function () {
  const strip = document.createElement("div");
  strip.className = "strip";
  strip.ariaHidden = "true";
  document.querySelectorAll(".tiles [data-rows]").forEach(function (tile) {
    const part = document.createElement("span");
    part.className = tile.dataset.status;
    part.style.flexGrow = tile.dataset.rows;
    strip.append(part);
  });
  document.querySelector(".tiles").before(strip);
})();

// The timeline. A bar is [at, answered, throttled, failed]: it begins at times
// the seconds that a bar stands for. Go prints the list without commas.
(function () {
  const figure = document.getElementById("plot");
  if (!figure) return;
  const seconds = Number(figure.dataset.seconds);
  const bars = JSON.parse(figure.dataset.bars.replaceAll(" ", ","));
  const span = (bars[bars.length - 1][0] - bars[0][0] + 1) * seconds;
  const left = 44, right = 8, top = 22, bottom = 192, longPause = 24, few = 4;

  function make(parent, name, attributes, text) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    if (text) element.textContent = text;
    parent.append(element);
    return element;
  }

  function time(at, long) {
    const text = new Date(at * seconds * 1000).toISOString().replace("T", " ");
    return text.slice(span > 72000 ? 5 : 11, seconds < 60 || long ? 19 : 16);
  }

  function spell(length) {
    const minutes = Math.round(length / 60);
    return minutes < 60 ? minutes + " min" : Math.floor(minutes / 60) + " h" + (minutes % 60 ? " " + minutes % 60 + " min" : "");
  }

  // scale returns the distance of the lines: 1, 2 or 5 times a power of ten.
  function scale(most) {
    const power = 10 ** Math.floor(Math.log10(most / 4));
    return power * [1, 2, 5, 10].find(function (n) { return 4 * power * n >= most * 0.999; });
  }

  function draw(width) {
    const pauses = bars.map(function (bar, i) { return i && bar[0] - bars[i - 1][0] - 1; });
    const gaps = pauses.filter(function (n) { return n > longPause; }).length;
    const columns = pauses.reduce(function (sum, n) { return sum + 1 + (n > longPause ? 0 : n); }, 0);
    const gapWidth = Math.min(72, width / 3 / gaps);
    const step = Math.min((width - left - right - gaps * (gaps && gapWidth)) / columns, 48);
    const rates = bars.map(function (bar) { return (bar[1] + bar[2] + bar[3]) / seconds; });
    const line = scale(Math.max(...rates)), most = Math.ceil(Math.max(...rates) / line - 0.001) * line;
    const unit = (bottom - top) / most;
    const svg = make(document.createDocumentFragment(), "svg", { class: "plot", width, height: 220, viewBox: "0 0 " + width + " 220", "aria-hidden": "true" });
    for (let rate = line; rate < most + line / 2; rate += line) {
      const y = bottom - rate * unit;
      make(svg, "line", { class: "grid", x1: left, x2: width - right, y1: y, y2: y });
      make(svg, "text", { class: "rate", x: 38, y: y + 4 }, String(Number(rate.toPrecision(6))));
    }
    let x = left, free = left;
    bars.forEach(function (bar, i) {
      if (pauses[i] > longPause) {
        if (gapWidth > 60) make(svg, "text", { class: "gap", x: x + gapWidth / 2, y: 150 }, spell(pauses[i] * seconds));
        make(svg, "text", { class: "gap", x: x + gapWidth / 2, y: 134 }, "⋯");
        x += gapWidth;
      } else x += pauses[i] * step;
      const group = make(svg, "g", {}), wide = Math.max(step > 4 ? step - 1 : step, 1);
      make(group, "title", {}, time(bar[0], true) + ": " + bar[1] + " answered, " + bar[2] + " throttled, " + bar[3] + " refused or without a readable answer");
      let y = bottom;
      ["answered", "throttled", "lost"].forEach(function (name, kind) {
        const height = bar[kind + 1] / seconds * unit;
        y -= height;
        if (height) make(group, "rect", { class: name, x, y, width: wide, height });
      });
      if (bar[2]) make(group, "path", { class: "mark", d: "M" + (x + wide / 2 - 4) + " 6h8l-4 8z" });
      const label = time(bar[0]), long = label.length * 7;
      if (x >= free && x + long <= width) {
        make(svg, "line", { class: "axis", x1: x, x2: x, y1: bottom, y2: bottom + 4 });
        make(svg, "text", { x, y: 210 }, label);
        free = x + long * 1.8;
      }
      x += step;
    });
    make(svg, "line", { class: "axis", x1: left, x2: width - right, y1: bottom, y2: bottom });
    figure.querySelector("svg")?.remove();
    figure.append(svg);
  }

  if (bars[bars.length - 1][0] - bars[0][0] + 1 < few) return; // too little to see
  figure.hidden = false;
  const fit = function () { draw(Math.max(figure.querySelector("figcaption").clientWidth, 240)); };
  new ResizeObserver(fit).observe(figure);
  window.addEventListener("beforeprint", function () { draw(660); }); // a sheet between its margins
  window.addEventListener("afterprint", fit);
})();

// The table of rows.
(function () {
  const table = document.getElementById("list");
  const controls = document.getElementById("controls");
  if (!table || !controls) return;
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
  controls.hidden = false;
  reveal();
})();
