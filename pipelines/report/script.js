// What moves in a report: the colours, sorting, filtering, axes, and the sliders that ask what another threshold would keep.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");

  // Kept between pages where the browser allows it for files.
  const memory = {
    get: () => { try { return localStorage.getItem("corpusmill-theme"); } catch { return null; } },
    set: (value) => { try { localStorage.setItem("corpusmill-theme", value); } catch { /* the page works without */ } },
  };
  const setTheme = (name) => { if (name === "light" || name === "dark") root.dataset.theme = name; else delete root.dataset.theme; };
  setTheme(memory.get());

  const startTheme = () => {
    const now = memory.get() || "auto";
    for (const input of document.querySelectorAll("input[name=theme]")) {
      input.checked = input.value === now;
      input.addEventListener("change", () => { setTheme(input.value); memory.set(input.value); });
    }
  };

  // Tables: a button in each header that sorts; numbers by their data-value.
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
  const sortBy = (table, header) => {
    const numeric = header.classList.contains("num");
    const now = header.getAttribute("aria-sort");
    const next = now === "none" ? (numeric ? "descending" : "ascending") : now === "ascending" ? "descending" : "ascending";
    for (const other of table.tHead.rows[0].cells) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
    header.setAttribute("aria-sort", next);
    const sign = next === "ascending" ? 1 : -1;
    const rows = [...table.tBodies[0].rows];
    const column = header.cellIndex;
    rows.sort((a, b) => sign * compare(valueOf(a, column), valueOf(b, column)));
    table.tBodies[0].append(...rows);
  };
  const startTables = () => {
    for (const table of document.querySelectorAll("table.sortable"))
      for (const button of table.querySelectorAll("button.sort"))
        button.addEventListener("click", () => sortBy(table, button.closest("th")));
  };

  const startFilter = () => {
    const input = document.querySelector("#filter");
    if (!input) return;
    const rows = [...document.querySelectorAll("[data-name]")];
    const said = document.querySelector("#filter-says");
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase().split(/\s+/);
      for (const row of rows) row.hidden = !wanted.every((word) => row.dataset.name.includes(word));
      const shown = rows.filter((row) => !row.hidden && row.localName === "tr").length;
      said.textContent = `${shown} of ${rows.filter((row) => row.localName === "tr").length} corpora`;
    });
  };

  const startAxes = () => {
    for (const button of document.querySelectorAll(".axes button"))
      button.addEventListener("click", () => {
        const card = button.closest("article");
        for (const other of card.querySelectorAll(".axes button")) {
          other.setAttribute("aria-pressed", String(other === button));
          card.querySelector(`.axis-${other.dataset.axis}`).hidden = other !== button;
        }
      });
  };

  // How many values of bins [low, high, count] lie within bounds {value, open}: surely, and at the most. The end of a bin that is nearer
  // to zero belongs to it, the other does not, but for the ends of all.
  const within = (bins, least, most) => {
    let sure = 0, possible = 0;
    bins.forEach(([low, high, num], place) => {
      const lowOut = low < 0 && low < high && place > 0;
      const highOut = low >= 0 && low < high && place < bins.length - 1;
      if (least && (high < least.value || (high === least.value && (least.open || highOut)))) return;
      if (most && (low > most.value || (low === most.value && (most.open || lowOut)))) return;
      possible += num;
      const above = !least || low > least.value || (low === least.value && (lowOut || !least.open));
      const below = !most || high < most.value || (high === most.value && (highOut || !most.open));
      if (above && below) sure += num;
    });
    return [sure, possible];
  };

  const count = (value) => value.toLocaleString("en-US");
  const exact = (value) => (Number.isInteger(value) ? count(value) : String(Number(value.toPrecision(6))));
  const share = (part, whole) => {
    const percent = (100 * part) / whole;
    if (percent > 0 && percent < 0.1) return "< 0.1\u00a0%";
    if (percent > 99.9 && percent < 100) return "> 99.9\u00a0%";
    return `${percent.toFixed(1).replace(/\.0$/, "")}\u00a0%`;
  };
  const between = ([sure, possible], whole, verb) => {
    if (sure === possible) return `${count(sure)} of ${count(whole)} ${verb} (${share(sure, whole)})`;
    return `${count(sure)} to ${count(possible)} of ${count(whole)} ${verb} (${share(sure, whole)} to ${share(possible, whole)})`;
  };
  const sum = (bins) => bins.reduce((total, bin) => total + bin[2], 0);
  const answer = (limit, least, most) => {
    const [kept, refused] = [sum(limit.kept), sum(limit.refused)];
    const stay = kept ? between(within(limit.kept, least, most), kept, "would stay") : "none has the fact";
    const goOn = refused ? between(within(limit.refused, least, most), refused, "would pass here") : limit.untold ? "none that it judges" : "none";
    return [`Rows kept now: ${stay}.`, `Refused so: ${goOn}${refused ? ", if nothing else refuses them" : ""}.`];
  };
  const SIGNS = { least: ["≥", ">"], most: ["≤", "<"] };
  const plain = (value) => (Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6))));

  // Where a value stands on a drawn axis, in percent, as scale.py places it; 5 percent are for 0 on a logarithmic axis.
  const place = (svg, value) => {
    const [low, high, log, zero] = ["low", "high", "log", "zero"].map((name) => Number(svg.dataset[name]));
    if (log && value <= 0) return 0;
    const ratio = log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    const start = zero ? 5 : 0;
    return start + (100 - start) * Math.min(1, Math.max(0, ratio));
  };

  const startLimit = (box, limit) => {
    const said = box.querySelectorAll("output span");
    const reset = box.querySelector(".reset");
    const card = box.closest("article");
    const bounds = {};
    const show = () => {
      const moved = Object.values(bounds).some((bound) => bound.now.value !== bound.built || bound.now.open);
      answer(limit, bounds.least?.now, bounds.most?.now).forEach((line, index) => { said[index].textContent = line; });
      reset.hidden = !moved;
    };
    const set = (bound, now, from) => {
      bound.now = now;
      const says = `${SIGNS[bound.name][Number(now.open)]} ${exact(now.value)}`;
      if (from !== bound.range) {
        const nearest = bound.stops.reduce((best, stop, index) => (Math.abs(stop[0] - now.value) < Math.abs(bound.stops[best][0] - now.value) ? index : best), 0);
        bound.range.value = String(from ? nearest : bound.start);
      }
      if (from !== bound.number) bound.number.value = plain(now.value);
      bound.range.setAttribute("aria-valuetext", says);
      const isMoved = now.value !== bound.built || now.open;
      for (const line of card.querySelectorAll(`.moved[data-slider="${bound.range.id}"]`)) {
        const at = `${place(line.ownerSVGElement, now.value)}%`;
        line.setAttribute("x1", at);
        line.setAttribute("x2", at);
        line.classList.toggle("is-moved", isMoved);
      }
      show();
    };
    for (const range of box.querySelectorAll("input[type=range]")) {
      const name = range.dataset.bound;
      const number = box.querySelector(`input[type=number][data-bound=${name}]`);
      const bound = { name, range, number, stops: limit.stops[name], built: limit[name], start: Number(range.defaultValue), now: { value: limit[name], open: false } };
      bounds[name] = bound;
      range.value = range.defaultValue;
      number.value = plain(limit[name]);
      range.addEventListener("input", () => {
        const [value, open] = bound.stops[Number(range.value)];
        set(bound, { value, open: Boolean(open) }, range);
      });
      number.addEventListener("input", () => {
        if (number.value !== "" && Number.isFinite(number.valueAsNumber)) set(bound, { value: number.valueAsNumber, open: false }, number);
      });
    }
    reset.addEventListener("click", () => {
      for (const bound of Object.values(bounds)) set(bound, { value: bound.built, open: false }, null);
      Object.values(bounds)[0].range.focus();
    });
    show();
  };
  const startLimits = () => {
    const data = document.querySelector("#figures");
    if (!data) return;
    const { limits } = JSON.parse(data.textContent);
    for (const box of document.querySelectorAll(".what-if")) startLimit(box, limits[Number(box.dataset.limit)]);
  };

  // The section that is being read is marked among the contents.
  const startContents = () => {
    const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));
    const seen = new Set();
    const watch = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) seen.add(entry.target.id); else seen.delete(entry.target.id);
      const first = [...links.keys()].find((id) => seen.has(id));
      for (const [id, link] of links) if (id === first) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
    }, { rootMargin: "-15% 0px -60% 0px" });
    for (const id of links.keys()) { const section = document.getElementById(id); if (section) watch.observe(section); }
  };

  addEventListener("DOMContentLoaded", () => {
    startTheme();
    startTables();
    startFilter();
    startAxes();
    startLimits();
    startContents();
  });
})();
