// The evidence of one square: its cells by strategy and release, and all that is known of one.

const LOADED = {
  native: "the file as it is",
  architecture: "the architecture given, with the weights of the file",
  translated: "its config translated to this Keras",
  "as data": "as data, by no Keras",
};

/** The panel; `matching` tells which cells the filters mean. */
function makeEvidence(data, matching) {
  const title = make("h2", { id: "of" });
  const about = make("p", { class: "soft small" });
  const close = make("button", { type: "button", class: "plain close" }, "Close");
  const overview = make("div", { class: "scroll" });
  const note = make("p", { class: "soft small" });
  const detail = make("section", { "aria-label": "Evidence", tabindex: "-1" });
  const element = make("dialog", { "aria-labelledby": "of" },
    make("div", { class: "panel" },
      make("header", null, make("div", null, title, about), close), overview, note, detail));
  let opener = null;

  function open(file, toolchain, square) {
    const found = [];
    for (let place = 0; place < data.size; place++) {
      if (data.cells.file[place] === file && data.cells.toolchain[place] === toolchain) {
        found.push(cellOf(data, place));
      }
    }
    opener = square;
    const meant = matching();
    const left = found.filter((cell) => meant[cell.place]);
    title.textContent = data.files[file].name;
    about.textContent = `${writerName(data.writers[data.files[file].writer])} → ${versions(data, found[0])}`;
    note.textContent = left.length < found.length
      ? `The filters leave ${left.length} of these ${found.length} cells; the others are dashed.` : "";
    overview.replaceChildren(table(found, meant));
    // The worst of what was looked for is what is asked for most.
    choose(left.reduce((worst, cell) =>
      (data.kinds.indexOf(cell.kind) > data.kinds.indexOf(worst.kind) ? cell : worst)));
    element.showModal();
    element.firstChild.scrollTop = 0;
  }

  function table(found, meant) {
    const strategies = [...new Set(found.map((cell) => cell.strategy))];
    const servings = data.servings.filter((serving) => found.some((cell) => cell.serving === serving));
    const head = ["Serving", ...strategies].map((name) => make("th", { scope: "col" }, name));
    const rows = servings.map((serving) => make("tr", null,
      make("th", { scope: "row" }, serving),
      ...strategies.map((strategy) => make("td", null, ...found
        .filter((cell) => cell.serving === serving && cell.strategy === strategy)
        .map((cell) => choice(cell, meant[cell.place]))))));
    return make("table", null, make("caption", null, "Outcomes by serving release and strategy"),
      make("thead", null, make("tr", null, ...head)), make("tbody", null, ...rows));
  }

  function choice(cell, meant) {
    const button = make("button", {
      type: "button",
      class: `outcome ${toneOf(cell.kind)}${meant ? "" : " outside"}`,
      "data-place": cell.place,
      "aria-label": `${cell.strategy}, ${cell.serving}: ${cell.kind.name}`,
    }, make("span", { "aria-hidden": "true" }, `${cell.kind.mark} `), cell.kind.name);
    return button;
  }

  function choose(cell) {
    for (const button of overview.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", Number(button.dataset.place) === cell.place);
    }
    detail.replaceChildren(...evidence(data, cell));
  }

  overview.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button !== null) choose(cellOf(data, Number(button.dataset.place)));
  });
  close.addEventListener("click", () => element.close());
  element.addEventListener("click", (event) => { if (event.target === element) element.close(); });
  element.addEventListener("close", () => opener.focus());
  return { element, open };
}

/** The TensorFlow and the Keras that a cell was converted with. */
function versions(data, cell) {
  const { id, tensorflow, keras } = cell.toolchain;
  if (id === data.noToolchain) return "no toolchain";
  const used = keras[cell.keras] ? `, ${cell.keras} ${keras[cell.keras]}` : "";
  return `${id}: TensorFlow ${tensorflow}${used}`;
}

/** All that is known of `cell`. */
function evidence(data, cell) {
  const badge = make("span", { class: `badge ${toneOf(cell.kind)}` }, `${cell.kind.mark} ${cell.kind.name}`);
  const facts = [
    ["Converted in", versions(data, cell)],
    ["Loaded", LOADED[cell.loaded] ?? cell.loaded],
    ["Reference", cell.reference],
    ["Largest difference", cell.maxAbs],
    ["… relative", cell.maxRel],
    ["Known issue", cell.issue && make("code", null, cell.issue)],
    ["sha256", cell.file.sha256 && make("code", null, cell.file.sha256)],
  ].filter(([, value]) => value !== "");
  return [
    make("h3", null, badge, `${cell.strategy}, served by ${cell.serving}`),
    cell.line ? make("p", { class: "line" }, cell.line) : null,
    make("dl", { class: "facts" }, ...facts.flatMap(([name, value]) =>
      [make("dt", null, name), make("dd", null, value)])),
    ...(cell.log ? [make("h4", null, "End of the log"), scrolling(cell.log)] : []),
    ...(cell.command ? [make("h4", null, "To ask the same"), reproducing(cell.command)] : []),
  ].filter((part) => part !== null);
}

function scrolling(text) {
  return make("pre", { class: "log", role: "region", tabindex: "0", "aria-label": "End of the log" }, text);
}

function reproducing(command) {
  // Lines break between words, not at the hyphens in them.
  const words = command.split(" ").flatMap((word) => [" ", make("span", null, word)]).slice(1);
  const shown = make("pre", { class: "command" }, ...words);
  const button = make("button", { type: "button", class: "plain" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(command);
      button.textContent = "Copied";
    } catch { // not every page may write there; what is selected can be copied by hand
      getSelection().selectAllChildren(shown);
      button.textContent = "Selected";
    }
  });
  return make("div", { class: "reproducing" }, shown, button);
}
