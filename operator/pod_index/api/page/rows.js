// Names and their values. Rows are updated in place, so that focus and selection stay.

const LONG = 400; // characters
const LINES = 12;

// A name and its value.
class Row {
  constructor(name, { mono, link, optional, quiet, json, copies = quiet ? false : undefined } = {}) {
    Object.assign(this, { link, optional, quiet, json, open: false });
    this.value = make(link ? "a" : "span", { className: mono ? "value mono" : "value" });
    const toggle = () => {
      this.open = !this.open;
      this.draw();
    };
    this.more = make("button", { type: "button", hidden: true, onclick: toggle });
    this.copy = copyButton(plain(name), () => this.text);
    this.copies = copies;
    const term = make("dt");
    write(term, name);
    this.element = make("div", {}, term, make("dd", {}, this.value, this.more, this.copy));
  }

  set(text) {
    if (text === this.text) return;
    const first = this.text === undefined;
    this.text = text;
    this.draw();
    if (!first && !this.quiet) flash(this.element);
  }

  draw() {
    const { text } = this;
    const whole = this.json ? pretty(text) : text;
    let short = whole.split("\n", LINES).join("\n");
    if (short.length > LONG) short = short.slice(0, LONG);
    const long = short.length < whole.length;
    write(this.value, long && !this.open ? short + " …" : whole || "none");
    this.value.classList.toggle("quiet", !whole);
    this.element.hidden = !whole && Boolean(this.optional);
    this.more.hidden = !long;
    this.more.ariaExpanded = String(this.open);
    if (long) {
      const lines = whole.split("\n").length;
      const size = lines > 1 ? `${number(lines)} lines` : `${number(whole.length)} characters`;
      this.more.textContent = this.open ? "Show less" : `Show all ${size}`;
    }
    this.value.classList.toggle("block", long || whole.includes("\n"));
    this.copy.hidden = !text || !(this.copies ?? text.length > 40);
    const address = text && this.link?.(text);
    if (address) this.value.href = address;
    else this.value.removeAttribute("href");
  }
}

// Labels or annotations.
class Pairs {
  constructor(title) {
    this.count = make("span");
    this.list = make("dl", { className: "pairs" });
    this.element = make("section", {}, make("h3", {}, `${title} `, this.count), this.list);
    this.rows = new Map();
  }

  set(pairs) {
    const names = Object.keys(pairs).sort();
    for (const [name, row] of this.rows) {
      if (Object.hasOwn(pairs, name)) continue;
      row.element.remove();
      this.rows.delete(name);
    }
    let next = this.list.firstElementChild;
    for (const name of names) {
      let row = this.rows.get(name);
      if (row) next = row.element.nextElementSibling;
      else {
        row = new Row(name, { json: true });
        this.rows.set(name, row);
        this.list.insertBefore(row.element, next);
      }
      row.set(pairs[name]);
    }
    this.element.hidden = names.length === 0;
  }

  filter(wanted) {
    let matching = 0;
    for (const [name, row] of this.rows) {
      const matches = `${name}\n${row.text}`.toLowerCase().includes(wanted);
      row.element.hidden = !matches;
      matching += matches;
    }
    this.count.textContent = wanted ? `${number(matching)} of ${number(this.rows.size)}` : number(this.rows.size);
  }
}
