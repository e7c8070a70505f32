// Puts the page together.

/** What to do for a file of one writer at one release; nothing where there is no advice. */
function makeAdvice(data) {
  if (data.advice.length === 0) return [];
  const sentence = make("p", { class: "sentence", "aria-live": "polite" });
  const writer = make("select", { id: "advised-writer" });
  const serving = make("select", { id: "advised-serving" });

  function offer(select, names) {
    const before = select.value;
    const options = [...new Set(names)].map((name) => make("option", { value: name }, writerName(name)));
    select.replaceChildren(...options);
    if (names.includes(before)) select.value = before;
  }

  function tell() {
    const ofWriter = data.advice.filter(([name]) => name === writer.value);
    offer(serving, ofWriter.map(([, name]) => name));
    sentence.textContent = ofWriter.find(([, name]) => name === serving.value)[2];
  }

  offer(writer, data.advice.map(([name]) => name));
  writer.addEventListener("change", tell);
  serving.addEventListener("change", tell);
  tell();
  const rows = data.advice.map(([by, at, told]) => make("tr", null,
    make("th", { scope: "row" }, writerName(by)), make("td", null, at), make("td", null, told)));
  const head = ["Writer", "Serving", "Do"].map((name) => make("th", { scope: "col" }, name));
  return [make("section", { "aria-labelledby": "advice" },
    make("h2", { id: "advice" }, "What to do"),
    make("div", { class: "card advice" },
      make("p", { class: "asked" },
        make("label", { for: "advised-writer" }, "For a file by"), writer,
        make("label", { for: "advised-serving" }, "served by"), serving),
      sentence,
      make("details", null, make("summary", null, "For every writer and release"),
        make("div", { class: "scroll" }, make("table", null,
          make("caption", null, "What to do, by writer and release"),
          make("thead", null, make("tr", null, ...head)), make("tbody", null, ...rows))))))];
}

function start() {
  const data = readData();
  let found = null;
  const evidence = makeEvidence(data, () => found);
  const grid = makeGrid(data, evidence.open);
  const filters = makeFilters(data, update);

  function update() {
    found = filters.select();
    grid.show(found);
  }

  update();
  document.getElementById("main").append(
    ...makeAdvice(data),
    make("section", { "aria-labelledby": "cells" },
      make("h2", { id: "cells" }, "What was measured"),
      filters.element,
      make("p", { class: "soft small how" },
        "A square is a file converted in a toolchain, by every strategy, served by every release. "
        + "It tells the worst outcome and how many passed; choose it for the evidence."),
      grid.element),
    evidence.element);
}

start();
