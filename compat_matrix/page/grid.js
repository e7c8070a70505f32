// Files by toolchains. A square tells the worst of its cells, and how many of them passed.

/** What the squares say of the cells that are meant: the worst kind, -1 for none, and counts. */
function tally(data, found) {
  const { cells, facets, toolchains } = data;
  const size = data.files.length * toolchains.length;
  const told = { worst: new Int8Array(size).fill(-1), passed: new Uint32Array(size), all: new Uint32Array(size) };
  for (let cell = 0; cell < data.size; cell++) {
    if (!found[cell]) continue;
    const place = cells.file[cell] * toolchains.length + cells.toolchain[cell];
    const kind = facets.outcome.of[cell];
    if (kind > told.worst[place]) told.worst[place] = kind;
    if (kind === 0) told.passed[place]++;
    told.all[place]++;
  }
  return told;
}

/** The grid; `open` is called with the file and the toolchain of a square that is chosen. */
function makeGrid(data, open) {
  const width = data.toolchains.length;
  const everything = tally(data, new Uint8Array(data.size).fill(1));
  const squares = new Array(data.files.length * width);
  const groups = data.writers.map(() => []);
  data.files.forEach((file, place) => groups[file.writer].push(place));
  const order = groups.flat(); // the files, from top to bottom
  const heads = data.toolchains.map((toolchain) =>
    make("th", { scope: "col" }, make("span", null, toolchainName(data, toolchain.id))));
  const rows = new Array(data.files.length);
  const bodies = groups.map((files, writer) => body(files, data.writers[writer]));
  const table = make("table", { role: "grid", "aria-label": "Files by toolchains" },
    make("thead", null, make("tr", null, make("th", { scope: "col", class: "corner" }, "File"), ...heads)),
    ...bodies);
  const nothing = make("p", { class: "nothing soft", hidden: "" }, "No cell is like that.");
  const element = make("div", { class: "card grid" }, table, nothing);
  let shown = null; // what the squares say now
  let current = -1; // the square that the Tab key leads to

  function body(files, writer) {
    const title = make("th", { scope: "rowgroup", colspan: width + 1 }, make("span", null, writerName(writer)));
    return make("tbody", null, make("tr", { class: "group" }, title), ...files.map(row));
  }

  function row(file) {
    const { name } = data.files[file];
    rows[file] = make("tr", null, make("th", { scope: "row", title: name }, name));
    for (let column = 0; column < width; column++) {
      const place = file * width + column;
      const cell = rows[file].insertCell();
      if (everything.worst[place] < 0) continue;
      squares[place] = make("button", { type: "button", tabindex: "-1", class: "square", "data-place": place });
      cell.append(squares[place]);
    }
    return rows[file];
  }

  function paint(place, worst, passed, all) {
    const square = squares[place];
    square.hidden = worst < 0;
    if (square.hidden) return;
    const kind = data.kinds[worst];
    const { name } = data.files[Math.floor(place / width)];
    const toolchain = toolchainName(data, data.toolchains[place % width].id);
    const told = `${name}, ${toolchain}: ${kind.name}, ${passed} of ${all} passed`;
    square.className = `square ${toneOf(kind)}`;
    square.textContent = kind.mark;
    // Where all cells are of one good or untried kind, the mark has said it.
    if (worst > 1 || passed > 0 && worst > 0) square.append(make("span", null, `${passed}/${all}`));
    square.setAttribute("aria-label", told);
    square.title = told;
  }

  /** Hide the columns, rows and groups in which nothing is left. */
  function fold(worst) {
    const columns = new Uint8Array(width);
    const kept = data.files.map(() => false);
    for (let place = 0; place < worst.length; place++) {
      if (worst[place] < 0) continue;
      columns[place % width] = 1;
      kept[Math.floor(place / width)] = true;
    }
    heads.forEach((head, column) => {
      if (head.hidden === !columns[column]) return;
      head.hidden = !columns[column];
      for (const each of rows) each.cells[column + 1].hidden = head.hidden;
    });
    const left = columns.reduce((sum, each) => sum + each, 0);
    table.style.setProperty("--columns", left);
    table.hidden = left === 0;
    nothing.hidden = left > 0;
    kept.forEach((keep, file) => { if (rows[file].hidden === keep) rows[file].hidden = !keep; });
    bodies.forEach((each, writer) => {
      each.hidden = !groups[writer].some((file) => kept[file]);
      each.firstChild.firstChild.colSpan = left + 1;
    });
  }

  /** Show the cells that are meant; only squares that say something else than before are touched. */
  function show(found) {
    const told = tally(data, found);
    for (let place = 0; place < squares.length; place++) {
      const { worst, passed, all } = told;
      const same = shown !== null && shown.worst[place] === worst[place]
        && shown.passed[place] === passed[place] && shown.all[place] === all[place];
      if (squares[place] && !same) paint(place, worst[place], passed[place], all[place]);
    }
    fold(told.worst);
    shown = told;
    if (current < 0 || told.worst[current] < 0) lead(placesInOrder()[0] ?? -1);
  }

  function lead(place) {
    if (current >= 0) squares[current].tabIndex = -1;
    current = place;
    if (current >= 0) squares[current].tabIndex = 0;
  }

  function placesInOrder() {
    return order.flatMap(placesInRow);
  }

  function placesInRow(file) {
    const places = [];
    for (let place = file * width; place < (file + 1) * width; place++) {
      if (shown.worst[place] >= 0) places.push(place);
    }
    return places;
  }

  /** Those in the column of `place`, from top to bottom. */
  function placesInColumn(place) {
    return order.map((file) => file * width + place % width).filter((each) => shown.worst[each] >= 0);
  }

  /** Where a key leads from `place`; undefined where it leads nowhere. */
  function next(place, key, far) {
    const inRow = far ? placesInOrder() : placesInRow(Math.floor(place / width));
    const inColumn = placesInColumn(place);
    switch (key) {
      case "ArrowRight": return inRow[inRow.indexOf(place) + 1];
      case "ArrowLeft": return inRow[inRow.indexOf(place) - 1];
      case "ArrowDown": return inColumn[inColumn.indexOf(place) + 1];
      case "ArrowUp": return inColumn[inColumn.indexOf(place) - 1];
      case "Home": return inRow[0];
      case "End": return inRow[inRow.length - 1];
      default: return undefined;
    }
  }

  table.addEventListener("keydown", (event) => {
    const square = event.target.closest(".square");
    const keys = ["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp", "Home", "End"];
    if (square === null || !keys.includes(event.key)) return;
    event.preventDefault();
    const place = Number(square.dataset.place);
    const goal = next(place, event.key, event.ctrlKey && ["Home", "End"].includes(event.key));
    if (goal !== undefined) squares[goal].focus();
  });
  table.addEventListener("focusin", (event) => {
    const square = event.target.closest(".square");
    if (square !== null) lead(Number(square.dataset.place));
  });
  table.addEventListener("click", (event) => {
    const square = event.target.closest(".square");
    if (square === null) return;
    const place = Number(square.dataset.place);
    open(Math.floor(place / width), place % width, square);
  });
  return { element, show };
}
