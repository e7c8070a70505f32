// What is looked for: the controls, the hash of the address, and which cells are meant.

const FOLDED = { writer: "Writer", toolchain: "Toolchain", strategy: "Strategy", serving: "Serving" };
const FACETS = [...Object.keys(FOLDED), "outcome"];

/** Filters and their controls; `changed` is called whenever somebody changes them. */
function makeFilters(data, changed) {
  const chosen = Object.fromEntries(FACETS.map((facet) => [facet, new Set()]));
  const boxes = Object.fromEntries(FACETS.map((facet) => [facet, []]));
  const summaries = {};
  const counts = data.kinds.map(() => make("span", { class: "number" }));
  const text = make("input", { type: "search", id: "text", autocomplete: "off", spellcheck: "false" });
  const status = make("p", { class: "status", role: "status", "aria-live": "polite" });
  const reset = make("button", { type: "button", class: "plain" }, "Reset");

  function shownName(facet, name) {
    if (facet === "writer") return writerName(name);
    return facet === "toolchain" ? toolchainName(data, name) : name;
  }

  function box(facet, value, ...children) {
    const input = make("input", { type: "checkbox" });
    input.addEventListener("change", () => {
      chosen[facet][input.checked ? "add" : "delete"](value);
      settle();
    });
    boxes[facet].push(input);
    return make("label", null, input, ...children);
  }

  function folded(facet) {
    const summary = make("summary");
    summaries[facet] = summary;
    const options = data.facets[facet].names.map((name, value) =>
      box(facet, value, make("span", null, shownName(facet, name))));
    const group = make("div", { class: "options", role: "group", "aria-label": FOLDED[facet] }, ...options);
    return make("details", { class: "choice", "data-facet": facet }, summary, group);
  }

  function outcomes() {
    const chips = data.kinds.map((kind, value) => {
      const mark = make("span", { class: `mark ${toneOf(kind)}`, "aria-hidden": "true" }, kind.mark);
      return box("outcome", value, mark, make("span", null, kind.name), counts[value]);
    });
    return make("div", { class: "outcomes", role: "group", "aria-label": "Outcome" }, ...chips);
  }

  /** Make the controls say what is chosen. */
  function reflect() {
    for (const facet of FACETS) {
      boxes[facet].forEach((input, value) => { input.checked = chosen[facet].has(value); });
    }
    for (const [facet, title] of Object.entries(FOLDED)) {
      const names = [...chosen[facet]].sort((a, b) => a - b).map((value) =>
        shownName(facet, data.facets[facet].names[value]));
      const told = names.length > 1 ? `${names.length} chosen` : names[0] ?? "any";
      summaries[facet].replaceChildren(make("span", null, title), make("b", null, told));
      summaries[facet].classList.toggle("set", names.length > 0);
    }
  }

  /** The choices as they are told in the address. */
  function hash() {
    const told = new URLSearchParams();
    if (text.value) told.set("text", text.value);
    for (const facet of FACETS) {
      const { names } = data.facets[facet];
      for (const value of [...chosen[facet]].sort((a, b) => a - b)) told.append(facet, names[value]);
    }
    return `#${told}`;
  }

  /** Take the choices from the address; names that nothing here has are passed over. */
  function restore() {
    const told = new URLSearchParams(location.hash.slice(1));
    text.value = told.get("text") ?? "";
    for (const facet of FACETS) {
      const { names } = data.facets[facet];
      const values = told.getAll(facet).map((name) => names.indexOf(name));
      chosen[facet] = new Set(values.filter((value) => value >= 0));
    }
    reflect();
  }

  function settle() {
    reflect();
    changed();
    history.replaceState(null, "", hash());
  }

  /** 1 for each value of a facet that is meant; where none is chosen, all are. */
  function meant(facet) {
    const { names } = data.facets[facet];
    const all = chosen[facet].size === 0;
    return Uint8Array.from(names, (_, value) => (all || chosen[facet].has(value) ? 1 : 0));
  }

  /** 1 for each cell that is meant. Also tells how many those are, and of which outcomes. */
  function select() {
    const wanted = text.value.trim().toLowerCase();
    const writers = meant("writer");
    const files = data.files.map((file) =>
      writers[file.writer] && file.name.toLowerCase().includes(wanted));
    const [toolchains, strategies, servings, kinds] = FACETS.slice(1).map(meant);
    const { cells, facets } = data;
    const found = new Uint8Array(data.size);
    const ofKind = data.kinds.map(() => 0);
    let size = 0;
    for (let cell = 0; cell < data.size; cell++) {
      if (!files[cells.file[cell]] || !toolchains[cells.toolchain[cell]]) continue;
      if (!strategies[cells.strategy[cell]] || !servings[cells.serving[cell]]) continue;
      const kind = facets.outcome.of[cell];
      ofKind[kind]++;
      if (!kinds[kind]) continue;
      found[cell] = 1;
      size++;
    }
    counts.forEach((count, kind) => { count.textContent = number.format(ofKind[kind]); });
    status.textContent = `${number.format(size)} of ${number.format(data.size)} cells`;
    return found;
  }

  text.addEventListener("input", settle);
  reset.addEventListener("click", () => {
    text.value = "";
    for (const facet of FACETS) chosen[facet].clear();
    settle();
  });
  window.addEventListener("hashchange", () => { restore(); changed(); });

  const search = make("label", { class: "search", for: "text" }, make("span", null, "File name"), text);
  const element = make("div", { class: "card filters", role: "search", "aria-label": "Cells" },
    make("div", { class: "choices" }, search, ...Object.keys(FOLDED).map(folded), reset),
    outcomes(), status);
  restore();
  element.addEventListener("keydown", closeWithEscape);
  document.addEventListener("click", (event) => closeOthers(element, event.target));
  element.addEventListener("focusin", (event) => closeOthers(element, event.target));
  return { element, select };
}

/** Close the lists of choices, but for the one that `target` is in. */
function closeOthers(element, target) {
  for (const choice of element.querySelectorAll("details[open]")) {
    if (!choice.contains(target)) choice.open = false;
  }
}

function closeWithEscape(event) {
  const choice = event.target.closest("details[open]");
  if (event.key !== "Escape" || choice === null) return;
  choice.open = false;
  choice.querySelector("summary").focus();
  event.preventDefault();
}
