// A list of the pods of a view, in pages, in the order of their UIDs.

const ROWS = 50; // pods per page
const ANNOUNCE_MS = 5000;

class List extends Found {
  pods = new Map(); // all of the view, by UID, as the stream has sent them
  tally = null; // what has changed since the last announcement
  note = make("p", { className: "note" });
  next = make("a", { hidden: true }, "Next page");

  constructor({ view, after }) {
    super();
    const { node, namespace, workload } = view;
    const of = [workload, node && `node ${node}`, namespace && `namespace ${namespace}`].filter(Boolean).join(", ");
    Object.assign(this, { view, after, of, table: new Table(!node) });
    write(this.heading, `Pods of ${of}`);
    const first = make("a", { href: search(view), hidden: !after }, "First page");
    this.element = make("section", { className: "card" }, this.heading, this.note, this.notice, this.live,
      this.table.element, make("nav", { ariaLabel: "Pages" }, first, this.next));
  }

  // Shows a page as the API returns it.
  setPage({ pods, continue: more }) {
    this.draw(pods, more, counted(pods.length) + (more ? ", and there are more" : ""));
  }

  // Shows what came by the stream.
  apply(changes, all) {
    if (all) {
      for (const uid of this.pods.keys()) if (!changes.has(uid)) changes.set(uid, null);
    }
    const isFirst = this.note.textContent === "";
    for (const [uid, pod] of changes) {
      if (!isFirst) this.count(this.pods.get(uid), pod);
      if (pod) this.pods.set(uid, pod);
      else this.pods.delete(uid);
    }
    const later = [...this.pods.values()].filter(({ uid }) => uid > this.after);
    const page = later.sort((one, other) => (one.uid < other.uid ? -1 : 1)).slice(0, ROWS);
    const some = page.length < this.pods.size ? `, ${number(page.length)} on this page` : "";
    this.draw(page, later.length > ROWS && page.at(-1).uid, counted(this.pods.size) + some);
  }

  tick() {
    this.table.set(this.shown);
  }

  draw(pods, more, count) {
    if (this.note.textContent === "") announce(`Pods of ${this.of}: ${count}`);
    if (this.note.textContent !== count) this.note.textContent = count;
    this.shown = pods;
    this.table.set(pods);
    this.notice.hidden = true;
    this.next.hidden = !more;
    if (more) this.next.href = search({ ...this.view, continue: more });
    document.title = `${plain(this.of)} · pod-index`;
  }

  // Changes are announced together, since there may be many.
  count(before, pod) {
    const fields = ["phase", "podIP", "nodeName"];
    let kind = before ? "changed" : "added";
    if (!pod) kind = before ? "deleted" : "";
    if (!kind || (before && pod && fields.every((name) => before[name] === pod[name]))) return;
    if (!this.tally) setTimeout(() => this.announceChanges(), ANNOUNCE_MS);
    this.tally ??= {};
    this.tally[kind] = (this.tally[kind] ?? 0) + 1;
  }

  announceChanges() {
    const changes = Object.entries(this.tally).map(([kind, count]) => `${number(count)} ${kind}`);
    this.tally = null;
    if (this.element.isConnected) announce(`Pods of ${this.of}: ${changes.join(", ")}`);
  }
}
