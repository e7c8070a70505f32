// The data of the page, by name, and the one way in which elements are made.

/** An element with texts and elements in it. Texts stay texts, whatever they say. */
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

const number = new Intl.NumberFormat("en-US");

/** What was embedded, with what is derived from it once. */
function readData() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { cells, files } = data;
  const kindOf = data.evidence.map((row) => row[0]);
  return {
    ...data,
    size: cells.file.length,
    // Each facet: the names of its values, and the value of each cell.
    facets: {
      writer: { names: data.writers, of: cells.file.map((file) => files[file].writer) },
      toolchain: { names: data.toolchains.map((found) => found.id), of: cells.toolchain },
      strategy: { names: data.strategies, of: cells.strategy },
      serving: { names: data.servings, of: cells.serving },
      outcome: {
        names: data.kinds.map((kind) => kind.name),
        of: cells.evidence.map((row) => kindOf[row]),
      },
    },
  };
}

/** The class that colours a kind of outcome. */
function toneOf(kind) {
  return `is-${kind.name.replace(" ", "-")}`;
}

function writerName(name) {
  return name || "unknown writer";
}

function toolchainName(data, id) {
  return id === data.noToolchain ? "no toolchain" : id;
}

/** All that is known of one cell. */
function cellOf(data, place) {
  const { cells } = data;
  const [kind, issue, line, loaded, reference, maxAbs, maxRel, log] =
    data.evidence[cells.evidence[place]];
  const file = data.files[cells.file[place]];
  const toolchain = data.toolchains[cells.toolchain[place]];
  const strategy = data.strategies[cells.strategy[place]];
  const serving = data.servings[cells.serving[place]];
  const named = [file.name, strategy, toolchain.id, serving];
  const command = data.commands[cells.command[place]];
  return {
    place, file, toolchain, strategy, serving,
    keras: data.keras[cells.keras[place]],
    kind: data.kinds[kind],
    issue: data.texts[issue],
    line: data.texts[line],
    loaded: data.texts[loaded],
    reference: data.texts[reference],
    maxAbs: data.texts[maxAbs],
    maxRel: data.texts[maxRel],
    log: data.logs[log].map((row) => data.texts[row]).join("\n"),
    command: command.map((part) => (typeof part === "number" ? named[part] : part)).join(""),
  };
}
