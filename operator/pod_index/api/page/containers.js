// The state of a container.
function describe(state) {
  if (!state) return "";
  const [[kind, { reason, exitCode, startedAt, finishedAt }]] = Object.entries(state);
  const code = exitCode === undefined ? "" : `exit code ${exitCode}`;
  const title = kind[0].toUpperCase() + kind.slice(1);
  return [title, reason, code, moment(startedAt ?? finishedAt)].filter(Boolean).join(", ");
}

const previousID = ({ lastState }) => lastState?.terminated?.containerID;

// The containers of a pod.
class Containers {
  constructor() {
    this.count = make("span");
    this.list = make("div");
    this.element = make("section", { hidden: true }, make("h3", {}, "Containers ", this.count), this.list);
    this.shown = new Map();
  }

  // Notes which container the identifier names, in the response of a lookup; streams do not have it.
  setMatched(containers, matched) {
    const container = containers.find(({ name }) => name === matched?.name);
    const id = container && (matched.previous ? previousID(container) : container.containerID);
    this.matched = container && { name: matched.name, id };
  }

  findMatched(containers) {
    if (!this.matched) return [];
    const { name, id } = this.matched;
    if (id === undefined) return [name, false];
    const container = containers.find((each) => [each.containerID, previousID(each)].includes(id));
    return container ? [container.name, container.containerID !== id] : [];
  }

  set(containers) {
    const [matched, isPrevious] = this.findMatched(containers);
    const names = new Set(containers.map(({ name }) => name));
    for (const [name, { element }] of this.shown) {
      if (names.has(name)) continue;
      element.remove();
      this.shown.delete(name);
    }
    let before = null;
    for (const container of containers) {
      const { name, state, lastState, ready, restartCount = 0, image = "" } = container;
      let item = this.shown.get(name);
      if (!item) {
        this.shown.set(name, item = this.item(container));
        if (before) before.after(item.element);
        else this.list.prepend(item.element);
      }
      before = item.element;
      const readiness = ready === undefined ? "" : ready ? ", ready" : ", not ready";
      item.rows.state.set((describe(state) || "No state yet") + readiness);
      item.rows.image.set(image);
      item.rows.restarts.set(number(restartCount));
      item.rows.last.set(describe(lastState));
      const mark = matched !== name ? "" : isPrevious ? "matched, before its last restart" : "matched";
      if (item.mark.textContent !== mark) item.mark.textContent = mark;
      item.mark.hidden = !mark;
      item.element.classList.toggle("matched", Boolean(mark));
    }
    const count = number(containers.length);
    if (this.count.textContent !== count) this.count.textContent = count;
    this.element.hidden = containers.length === 0;
  }

  item({ name, type }) {
    const rows = {
      state: new Row("State", { quiet: true }),
      image: new Row("Image", { mono: true }),
      restarts: new Row("Restarts"),
      last: new Row("Last state", { quiet: true, optional: true }),
    };
    const [heading, mark] = [make("h4"), make("span", { className: "mark" })];
    write(heading, name);
    const kind = make("span", { className: "quiet", hidden: type === "container" }, type);
    const element = make("div", { className: "container" },
      make("div", { className: "head" }, heading, kind, mark),
      make("dl", {}, ...Object.values(rows).map((row) => row.element)));
    return { rows, mark, element };
  }
}
