(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const controls = document.getElementById("controls"), said = document.getElementById("said");
  const search = document.getElementById("search"), onlyErrors = document.getElementById("only-errors"), hideDone = document.getElementById("hide-done");
  const views = { patients: document.getElementById("patients"), columns: document.getElementById("columns") };
  const boxes = all("#patients input[data-box], #file input[data-box]"), wholes = all("#columns input[data-number]");
  const store = "haip-problems-" + document.body.dataset.mark;
  const numbered = new Map();
  for (const box of boxes) numbered.set(box.dataset.number, [...(numbered.get(box.dataset.number) || []), box]);

  // what is ticked stays so in this browser: names of boxes only, nothing of what the page says
  const names = () => [...boxes.filter((box) => box.checked).map((box) => box.dataset.box), ...wholes.filter((box) => box.checked).map((box) => "all-" + box.dataset.number)];
  const keep = () => { try { localStorage.setItem(store, JSON.stringify(names())); } catch { /* ticks last until the page is closed */ } };
  try {
    const kept = new Set(JSON.parse(localStorage.getItem(store) || "[]"));
    for (const box of boxes) box.checked = kept.has(box.dataset.box);
    for (const box of wholes) box.checked = kept.has("all-" + box.dataset.number);
  } catch { /* nothing was kept */ }

  // "12", "12-20" and "12, 15" look for rows; anything else for a column's name or a word
  const rows = (text) => /^[\d\s,-]+$/.test(text) ? text.split(",").map((part) => part.trim().split("-").map(Number)).filter((pair) => pair[0]) : null;
  const within = (row, wanted) => wanted.some(([low, high]) => row >= low && row <= (high || low));
  const covers = (span, wanted) => span.split(", ").some((part) => { const [low, high] = part.split("-").map(Number); return wanted.some(([a, b]) => low <= (b || a) && (high || low) >= a); });
  const show = (element, visible) => element.toggleAttribute("data-off", !visible);

  const draw = () => {
    const text = search.value.trim().toLowerCase(), wanted = rows(text);
    let shown = 0;
    for (const line of all("tr[data-line]")) {
      const box = line.querySelector("input"), own = line.closest("[data-row]");
      line.classList.toggle("done", box.checked);
      const found = !text || (wanted ? (own && within(Number(own.dataset.row), wanted)) || covers(line.dataset.rows || "", wanted)
        : (line.textContent + " " + (line.closest("[data-title]")?.dataset.title || "")).toLowerCase().includes(text));
      show(line, found && !(onlyErrors.checked && line.dataset.severity !== "error") && !(hideDone.checked && box.checked));
    }
    for (const group of all("[data-group]")) {
      const some = all("tr[data-line]", group).some((line) => !line.hasAttribute("data-off"));
      show(group, some);
      if (some && views.patients.contains(group)) shown += 1;
    }
    const view = document.querySelector('input[name="view"]:checked').value;
    for (const [name, section] of Object.entries(views)) show(section, name === view);
    const done = boxes.filter((box) => box.checked).length;
    said.textContent = (view === "patients" ? shown + (shown === 1 ? " patient; " : " patients; ") : "") + done + " of " + boxes.length + " done";
  };

  document.addEventListener("change", (event) => {
    const box = event.target;
    if (box.dataset.box) {
      for (const whole of wholes) if (whole.dataset.number === box.dataset.number) whole.checked = numbered.get(box.dataset.number).every((one) => one.checked);
    } else if (box.dataset.number) {
      for (const one of numbered.get(box.dataset.number) || []) one.checked = box.checked;
    }
    keep();
    draw();
  });
  search.addEventListener("input", draw);
  controls.hidden = false;
  draw();
})();
