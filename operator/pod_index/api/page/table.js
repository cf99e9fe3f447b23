// A table of pods. Rows are updated in place, so that focus and selection stay.
class Table {
  rows = new Map(); // by UID
  body = make("tbody");

  constructor(hasNodes) {
    this.hasNodes = hasNodes;
    const heads = ["Pod", "Phase", "IP", ...(hasNodes ? ["Node"] : []), "Created"];
    const cells = heads.map((text, at) => make("th", { scope: "col", className: at > 1 ? "wide" : "" }, text));
    this.element = make("table", {}, make("thead", {}, make("tr", {}, ...cells)), this.body);
  }

  // Shows these pods, in their order. The focus of a row that goes moves to its neighbor.
  set(pods) {
    const isFirst = this.rows.size === 0;
    const focused = [...this.body.children].findIndex((row) => row.contains(document.activeElement));
    const uids = new Set(pods.map((pod) => pod.uid));
    for (const [uid, { element }] of this.rows) {
      if (uids.has(uid)) continue;
      element.remove();
      this.rows.delete(uid);
    }
    let before = null;
    for (const pod of pods) {
      let row = this.rows.get(pod.uid);
      if (!row) {
        this.rows.set(pod.uid, row = this.row(pod));
        if (before) before.after(row.element);
        else this.body.prepend(row.element);
        if (!isFirst) flash(row.element);
      }
      before = row.element;
      this.fill(row, pod);
    }
    this.element.hidden = pods.length === 0;
    if (focused < 0 || document.activeElement !== document.body) return;
    (this.body.children[Math.min(focused, pods.length - 1)]?.querySelector("a") ?? $("id")).focus();
  }

  fill({ name, phase, ip, node, created }, pod) {
    if (phase.written !== undefined && phase.written !== pod.phase) flash(phase);
    for (const [cell, text] of [
      [name, `${pod.namespace}/${pod.name}`], [phase, pod.phase], [ip, pod.podIP], [node, pod.nodeName],
      [created, ago(pod.createdAt)],
    ]) {
      if (cell.written !== text) write(cell, cell.written = text);
    }
    phase.dataset.phase = pod.phase;
  }

  row(pod) {
    const name = make("a", { className: "value", href: search({ id: pod.uid }) });
    const phase = make("span", { className: "phase" });
    const [ip, node, created] = ["value mono", "value", "created"].map((className) => make("span", { className }));
    const cells = [name, phase].map((cell) => make("td", {}, cell));
    const wide = [ip, ...(this.hasNodes ? [node] : []), created].map((cell) => make("td", { className: "wide" }, cell));
    return { name, phase, ip, node, created, element: make("tr", {}, ...cells, ...wide) };
  }
}
