// The film and its keys. The time of a mark is the video's own at the moment of the key; the kernel
// writes it down and sends the list back. Only text is ever put on the page (textContent).

const STEP = 2; // seconds of an arrow key
const COLOURS = { n: "#D55E00", p: "#0072B2" };
const STYLE = `
.jack-label { max-width: 900px; line-height: 1.4; outline: none; padding: 2px; }
.jack-label:focus-within { box-shadow: 0 0 0 2px #0072B2; }
.jack-label .row { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin: 6px 0; }
.jack-label video { width: 100%; max-height: 420px; background: #222; display: block; }
.jack-label button { padding: 5px 12px; border: 1px solid #999; border-radius: 3px;
  background: #fff; color: #222; cursor: pointer; }
.jack-label button:disabled { opacity: 0.45; cursor: default; }
.jack-label button.n, .jack-label button.p { color: #fff; font-weight: bold; }
.jack-label button.n { background: #D55E00; } .jack-label button.p { background: #0072B2; }
.jack-label .lane { width: 100%; height: 30px; background: #EEF0F2; display: block;
  cursor: pointer; }
.jack-label ol { list-style: none; margin: 6px 0; padding: 0; display: flex; flex-wrap: wrap;
  gap: 6px; }
.jack-label li button { padding: 2px 8px; }
.jack-label .error { color: #B03A00; }
.jack-label input, .jack-label select { padding: 3px; }
`;

function element(tag, options = {}, children = []) {
  const made = Object.assign(document.createElement(tag), options);
  made.append(...children);
  return made;
}

function clock(seconds) {
  const whole = Math.floor(seconds / 60);
  return `${whole}:${(seconds - 60 * whole).toFixed(1).padStart(4, "0")}`;
}

function render({ model, el }) {
  const words = model.get("words");
  const classes = words.classes;
  const style = element("style", { textContent: STYLE });
  const films = element("select", { ariaLabel: words.film });
  model.get("titles").forEach((title, i) => {
    films.append(element("option", { value: i, textContent: title }));
  });
  const name = element("input", { type: "text", maxLength: 40, placeholder: words.name });
  const video = element("video", { preload: "auto", playsInline: true });
  const play = element("button", { className: "play" });
  const marking = classes.map((c) =>
    element("button", { className: c, textContent: `${words.class_names[c]} [${c.toUpperCase()}]` })
  );
  const undo = element("button", { className: "undo", textContent: `${words.undo} [U]` });
  const time = element("span", { className: "time" });
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "lane");
  svg.setAttribute("role", "img");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("viewBox", "0 0 1000 30");
  const list = element("ol");
  const told = element("p", { className: "told" });
  told.setAttribute("aria-live", "polite");
  const error = element("p", { className: "error" });
  error.setAttribute("role", "alert");
  const box = element("div", { className: "jack-label", tabIndex: 0 }, [
    element("div", { className: "row" }, [
      element("label", {}, [words.film, " ", films]),
      element("label", {}, [words.annotator, " ", name]),
    ]),
    video,
    svg,
    element("div", { className: "row" }, [play, ...marking, undo, time]),
    element("p", { textContent: words.keys }),
    told,
    error,
    list,
  ]);
  // JupyterLab's own keys (D D deletes a cell, Z undoes) do not act in here.
  box.setAttribute("data-lm-suppress-shortcuts", "true");
  el.append(style, box);

  let address = null;
  // Which film and whose: a message may overtake the model's own change of them.
  const ask = (message) => model.send({
    ...message, film: model.get("film"), annotator: model.get("annotator"),
  });
  const ready = () => video.readyState > 0 && model.get("annotator").trim() !== "";

  function shape(tag, attributes) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    svg.append(made);
  }

  function drawTime() {
    const length = video.duration || 1;
    time.textContent = `${clock(video.currentTime)} / ${clock(video.duration || 0)}`;
    svg.replaceChildren();
    for (const [label, t] of model.get("marks")) {
      const x = (1000 * t) / length;
      const points = label === "p" ? [25, 7] : [5, 23]; // as in the picture: up, down
      shape("polygon", {
        points: `${x - 6},${points[0]} ${x + 6},${points[0]} ${x},${points[1]}`,
        fill: COLOURS[label] ?? "#222",
      });
    }
    shape("rect", { x: (1000 * video.currentTime) / length, y: 0, width: 2, height: 30 });
  }

  function draw() {
    const marks = model.get("marks");
    play.textContent = `${video.paused ? "▶ " + words.play : "⏸ " + words.pause} [${words.space}]`;
    for (const button of marking) button.disabled = !ready();
    undo.disabled = marks.length === 0;
    error.textContent = model.get("error");
    told.textContent = model.get("annotator").trim()
      ? words.count.replace("{}", marks.length)
      : words.who;
    const inOrder = marks.map(([label, t], number) => ({ label, t, number }));
    inOrder.sort((a, b) => a.t - b.t);
    list.replaceChildren(
      ...inOrder.map(({ label, t, number }) => {
        const jump = element("button", {
          className: `jump ${label}`,
          textContent: `${clock(t)} ${words.class_names[label] ?? label}`,
          title: words.jump,
          onclick: () => { video.pause(); video.currentTime = t; },
        });
        const away = element("button", {
          className: "away", textContent: "×", title: words.away, ariaLabel: words.away,
          onclick: () => ask({ kind: "undo", number }),
        });
        return element("li", {}, [jump, away]);
      })
    );
    drawTime();
  }

  function load() {
    video.pause();
    video.removeAttribute("src");
    video.load();
    if (address) URL.revokeObjectURL(address);
    address = null;
    ask({ kind: "film" });
    draw();
  }

  function mark(label) {
    if (!ready()) return;
    ask({ kind: "mark", label, seconds: video.currentTime });
  }

  function toggle() {
    if (video.paused) video.play().catch(() => {}); else video.pause();
  }

  function arrived(message, buffers) {
    if (message.kind !== "film" || message.number !== model.get("film")) return;
    const bytes = buffers[0].buffer ? buffers[0] : new DataView(buffers[0]);
    if (address) URL.revokeObjectURL(address);
    address = URL.createObjectURL(new Blob([bytes], { type: message.type }));
    video.src = address;
  }

  const keys = {
    " ": toggle, u: () => undo.click(),
    arrowleft: () => { video.currentTime = Math.max(0, video.currentTime - STEP); },
    arrowright: () => { video.currentTime += STEP; },
  };
  classes.forEach((c) => { keys[c] = () => mark(c); });

  box.addEventListener("keydown", (event) => {
    if (event.target === name || event.target === films) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    // With a Chinese input method the key arrives as "Process"; its place tells which it is.
    const typed = event.key.length === 1 || event.key.startsWith("Arrow")
      ? event.key : event.code.replace(/^Key/, "").replace(/^Space$/, " ");
    const action = keys[typed.toLowerCase()];
    if (!action) return;
    event.preventDefault(); // also of a button in focus: space plays, it does not press
    event.stopPropagation();
    action();
  });
  play.onclick = toggle;
  video.onclick = toggle;
  undo.onclick = () => { if (!undo.disabled) ask({ kind: "undo" }); };
  marking.forEach((button, i) => { button.onclick = () => mark(classes[i]); });
  svg.addEventListener("click", (event) => {
    const place = svg.getBoundingClientRect();
    if (video.duration) {
      video.currentTime = (video.duration * (event.clientX - place.left)) / place.width;
    }
  });
  films.onchange = () => {
    model.set("film", Number(films.value));
    model.save_changes();
    box.focus();
  };
  name.value = model.get("annotator");
  name.onchange = () => {
    model.set("annotator", name.value.trim());
    model.save_changes();
  };
  name.onkeydown = (event) => { if (event.key === "Enter") { name.onchange(); box.focus(); } };
  for (const kind of ["play", "pause", "loadedmetadata", "ended"]) {
    video.addEventListener(kind, draw);
  }
  for (const kind of ["timeupdate", "seeked"]) video.addEventListener(kind, drawTime);
  video.addEventListener("error", () => {
    if (video.getAttribute("src")) error.textContent = words.unplayable;
  });
  const filmChanged = () => { films.value = model.get("film"); load(); };
  const nameChanged = () => { name.value = model.get("annotator"); draw(); };
  model.on("msg:custom", arrived);
  model.on("change:film", filmChanged);
  model.on("change:annotator", nameChanged);
  model.on("change:marks change:error", draw);
  films.value = model.get("film");
  load();
  return () => {
    model.off("msg:custom", arrived);
    model.off("change:film", filmChanged);
    model.off("change:annotator", nameChanged);
    model.off("change:marks change:error", draw);
    if (address) URL.revokeObjectURL(address);
  };
}

export default { render };
