"use strict";

// Names of pods may be hostile: responses are inserted as text, never as markup.
// Elements are updated in place, so that focus and selection stay.

const POLL_MS = 3000;
const TIMEOUT_MS = 10000;
const LOGIN_MS = 120000; // a request waits while the browser asks for a password
const ROWS = 50; // pods per page
const STALE = 150; // seconds; a watch that is silent for 130 is reopened
const LONG = 400; // characters
const LINES = 12;
const FILTER_FROM = 12; // labels and annotations
const DEEPEST = 20; // JSON nested deeper is not indented
const GROUPS = {
  Deployment: "apps", ReplicaSet: "apps", StatefulSet: "apps", DaemonSet: "apps", Job: "batch", CronJob: "batch",
  ReplicationController: "", Pod: "",
}; // the kinds of workloads that need no group
const INVISIBLE = /(?![\t\n\u200c\u200d])([\p{Cc}\p{Cf}\p{Zl}\p{Zp}])/u; // joiners are part of scripts and emoji

const $ = (id) => document.getElementById(id);
const number = (value) => value.toLocaleString("en");

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// Invisible characters, and those that change the direction of text, are shown as codes.
function write(element, text) {
  element.textContent = "";
  for (const [at, piece] of text.split(INVISIBLE).entries()) {
    element.append(at % 2 ? make("span", { className: "code" }, code(piece)) : piece);
  }
}

function code(character) {
  return "U+" + character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
}

function plain(text) {
  return text.split(INVISIBLE).filter((_, at) => at % 2 === 0).join("");
}

// Indents tokens: JSON.stringify(JSON.parse()) would change long numbers and drop duplicate keys.
function pretty(text) {
  if (!/^\s*[{[]/.test(text)) return text;
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  let depth = 0, deepest = 0;
  const line = () => "\n" + "  ".repeat(Math.min(depth, DEEPEST));
  const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|\{\s*\}|\[\s*\]|[{}[\],:]|\s+/g;
  const indented = text.replace(tokens, (token) => {
    switch (token) {
      case "{": case "[":
        deepest = Math.max(deepest, ++depth);
        return token + line();
      case "}": case "]":
        depth--;
        return line() + token;
      case ",": return "," + line();
      case ":": return ": ";
    }
    return token[0] === '"' ? token : token.replace(/\s+/g, "");
  });
  return deepest > DEEPEST ? text : indented;
}

function span(seconds) {
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= 2 * size) return `${number(Math.floor(seconds / size))} ${unit}`;
  }
  return `${Math.max(0, Math.floor(seconds))} s`;
}

function ago(time) {
  const seconds = (Date.now() - Date.parse(time)) / 1000;
  return Number.isNaN(seconds) ? "" : `${span(seconds)} ago`;
}

function moment(time) {
  return time && `${time.replace("T", " ").replace("Z", " UTC")} (${ago(time)})`;
}

// A workload as the API takes it.
function key({ apiVersion, kind, name }) {
  const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
  return GROUPS[kind] === group ? `${kind}/${name}` : `${kind}.${group}/${name}`;
}

// The state of a container.
function describe(state) {
  if (!state) return "";
  const [[kind, { reason, exitCode, startedAt, finishedAt }]] = Object.entries(state);
  const code = exitCode === undefined ? "" : `exit code ${exitCode}`;
  const title = kind[0].toUpperCase() + kind.slice(1);
  return [title, reason, code, moment(startedAt ?? finishedAt)].filter(Boolean).join(", ");
}

const search = (parameters) => "?" + new URLSearchParams(parameters);

// For screen readers.
function announce(text) {
  $("announcement").textContent = plain(text);
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without TLS only this old API works.
    const area = make("textarea", { value: text, className: "unseen" });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  const before = button.dataset.text ??= button.textContent;
  button.textContent = "Copied";
  announce("Copied");
  setTimeout(() => { button.textContent = before; }, 1500);
}

function copyButton(what, text, shown = "Copy") {
  const button = make("button", { type: "button", ariaLabel: what ? `${shown} ${what}` : shown }, shown);
  button.onclick = () => copy(text(), button);
  return button;
}

function flash(element) {
  element.classList.remove("changed");
  void element.offsetWidth; // restarts the animation
  element.classList.add("changed");
}

// A name and its value.
class Row {
  constructor(name, { mono, link, optional, quiet, json, copies = quiet ? false : undefined } = {}) {
    Object.assign(this, { link, optional, quiet, json, open: false });
    this.value = make(link ? "a" : "span", { className: mono ? "value mono" : "value" });
    this.more = make("button", { type: "button", hidden: true, onclick: () => { this.open = !this.open; this.draw(); } });
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
    if (this.link && text) this.value.href = this.link(text);
    else if (this.link) this.value.removeAttribute("href");
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

// The containers of a pod.
class Containers {
  constructor() {
    this.count = make("span");
    this.list = make("div");
    this.element = make("section", { hidden: true }, make("h3", {}, "Containers ", this.count), this.list);
    this.shown = new Map();
  }

  set(containers, matched) {
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
      const mark = matched?.name !== name ? "" : matched.previous ? "matched, before its last restart" : "matched";
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

// A result. It stays as the last known state if later requests fail.
class Found {
  heading = make("h2", { tabIndex: -1 });
  notice = make("p", { className: "notice", hidden: true });

  fail(answer) {
    const text = `${answer.status}: ${answer.error}. This is the last known state.`;
    if (this.notice.hidden) announce(text);
    this.notice.hidden = false;
    write(this.notice, text);
  }
}

// One pod.
class Card extends Found {
  constructor(uid) {
    super();
    this.uid = uid;
    const list = (key) => (text) => search({ [key]: text });
    const pods = (workload) => search({ workload, namespace: this.namespace });
    this.facts = {
      workload: new Row("Workload", { link: pods, optional: true, copies: false }),
      namespace: new Row("Namespace", { link: list("namespace"), copies: false }),
      nodeName: new Row("Node", { link: list("node"), copies: true }),
      podIP: new Row("IP", { mono: true, copies: true }),
      uid: new Row("UID", { mono: true, copies: true }),
      created: new Row("Created", { quiet: true }),
      deleted: new Row("Deleted", { quiet: true, optional: true }),
      kubectl: new Row("kubectl", { mono: true, copies: true, optional: true }),
      matched: new Row("Matched by", { quiet: true, optional: true }),
      age: new Row("Data", { quiet: true }),
    };
    const permalink = () => new URL(search({ id: this.uid }), location).href;
    const json = make("a", { href: "api/v1/pod" + search({ uid, includeDeleted: true, ...withDetails() }) }, "JSON");
    const share = make("dd", {}, copyButton("", permalink, "Copy link"), json);
    this.phase = make("span", { className: "phase" });
    this.containers = new Containers();
    this.labels = new Pairs("Labels");
    this.annotations = new Pairs("Annotations");
    this.wanted = make("input", { id: "wanted", type: "search", autocomplete: "off", spellcheck: false });
    this.wanted.oninput = () => this.filter();
    const label = make("label", { htmlFor: "wanted" }, "Filter labels and annotations");
    this.filters = make("div", { className: "filter", hidden: true }, label, this.wanted);
    this.element = make("article", { className: "card" },
      make("div", { className: "head" }, this.heading, this.phase), this.notice,
      make("dl", { className: "facts" }, ...Object.values(this.facts).map((row) => row.element),
        make("div", {}, make("dt", {}, "Share"), share)),
      this.containers.element, this.filters, this.labels.element, this.annotations.element);
  }

  filter() {
    const wanted = this.filters.hidden ? "" : this.wanted.value.trim().toLowerCase();
    this.labels.filter(wanted);
    this.annotations.filter(wanted);
  }

  set(pod, answer) {
    const gone = Boolean(pod.deletedAt);
    const phase = gone ? "Deleted" : pod.phase || "No phase yet";
    const title = `${pod.namespace}/${pod.name}`;
    if (this.title !== title) write(this.heading, this.title = title);
    if (this.shownPhase !== phase) {
      write(this.phase, phase);
      this.phase.dataset.phase = phase;
      announce(this.shownPhase === undefined ? `Pod ${title}: ${phase}` : `Pod ${title} is now: ${phase}`);
      if (this.shownPhase !== undefined) flash(this.phase);
      this.shownPhase = phase;
    }
    this.element.classList.toggle("gone", gone);
    this.notice.hidden = true;
    const ordinary = [pod.namespace, pod.name].every((name) => /^[a-z0-9][a-z0-9.-]*$/.test(name));
    this.namespace = pod.namespace;
    this.containers.set(pod.containers ?? [], pod.matchedContainer);
    const facts = {
      workload: pod.workload ? key(pod.workload) : "",
      namespace: pod.namespace,
      nodeName: pod.nodeName,
      podIP: pod.podIP,
      uid: pod.uid,
      created: moment(pod.createdAt),
      deleted: gone ? `${moment(pod.deletedAt)}, last phase ${pod.phase || "none"}` : "",
      kubectl: ordinary && !gone ? `kubectl -n ${pod.namespace} describe pod ${pod.name}` : "",
      matched: answer.matchedBy ?? "",
      age: answer.age === null ? "" : `confirmed by the API server ${span(answer.age)} ago`,
    };
    for (const [name, text] of Object.entries(facts)) this.facts[name].set(text);
    // Filtering unchanged pairs is slow.
    const pairs = JSON.stringify([pod.labels, pod.annotations]);
    if (pairs !== this.pairs) {
      this.pairs = pairs;
      const { labels = {}, annotations = {} } = pod;
      this.filters.hidden = Object.keys(labels).length + Object.keys(annotations).length < FILTER_FROM;
      this.labels.set(labels);
      this.annotations.set(annotations);
      this.filter();
    }
    document.title = `${plain(title)} · pod-index`;
  }
}

// A page of a list of pods.
class List extends Found {
  constructor({ node, namespace, workload, after }) {
    super();
    const of = [workload, node && `node ${node}`, namespace && `namespace ${namespace}`].filter(Boolean).join(", ");
    Object.assign(this, { node, namespace, workload, of, rows: new Map() });
    write(this.heading, `Pods of ${of}`);
    this.note = make("p", { className: "note" });
    this.body = make("tbody");
    const heads = [["Pod", ""], ["Phase", ""], ["IP", "wide"], ...(node ? [] : [["Node", "wide"]]), ["Created", "wide"]];
    const cells = heads.map(([text, className]) => make("th", { scope: "col", className }, text));
    this.table = make("table", {}, make("thead", {}, make("tr", {}, ...cells)), this.body);
    this.next = make("a", { hidden: true }, "Next page");
    const first = make("a", { href: this.address({}), hidden: !after }, "First page");
    this.element = make("section", { className: "card" }, this.heading, this.note, this.notice, this.table,
      make("nav", { ariaLabel: "Pages" }, first, this.next));
  }

  address(more) {
    const { node, namespace, workload } = this;
    return search({ ...(workload && { workload }), ...(node && { node }), ...(namespace && { namespace }), ...more });
  }

  set({ pods, continue: more }) {
    const uids = new Set(pods.map((pod) => pod.uid));
    for (const [uid, row] of this.rows) {
      if (uids.has(uid)) continue;
      row.element.remove();
      this.rows.delete(uid);
    }
    let before = null;
    for (const pod of pods) {
      let row = this.rows.get(pod.uid);
      if (!row) {
        this.rows.set(pod.uid, row = this.row(pod));
        if (before) before.after(row.element);
        else this.body.prepend(row.element);
      }
      before = row.element;
      const { name, phase, ip, node, created } = row;
      for (const [cell, text] of [
        [name, `${pod.namespace}/${pod.name}`], [phase, pod.phase], [ip, pod.podIP], [node, pod.nodeName],
        [created, ago(pod.createdAt)],
      ]) {
        if (cell.written !== text) write(cell, cell.written = text);
      }
      phase.dataset.phase = pod.phase;
    }
    const count = `${number(pods.length)} ${pods.length === 1 ? "pod" : "pods"}${more ? ", and there are more" : ""}`;
    if (this.note.textContent === "") announce(`Pods of ${this.of}: ${count}`);
    this.note.textContent = count;
    this.table.hidden = pods.length === 0;
    this.notice.hidden = true;
    this.next.hidden = !more;
    if (more) this.next.href = this.address({ continue: more });
    document.title = `${plain(this.of)} · pod-index`;
  }

  row(pod) {
    const name = make("a", { className: "value", href: search({ id: pod.uid }) });
    const phase = make("span", { className: "phase" });
    const [ip, node, created] = ["value mono", "value", "created"].map((className) => make("span", { className }));
    const cells = [name, phase].map((cell) => make("td", {}, cell));
    const wide = [ip, ...(this.node ? [] : [node]), created].map((cell) => make("td", { className: "wide" }, cell));
    return { name, phase, ip, node, created, element: make("tr", {}, ...cells, ...wide) };
  }
}

const REASONS = {
  0: "Not reachable",
  400: "Not understood",
  401: "Not allowed",
  404: "Not found",
  409: "Ambiguous",
  503: "Not ready",
};

// An error.
class Failure {
  heading = make("h2", { tabIndex: -1 });
  text = make("p", { className: "value" });
  note = make("p", { className: "note" });
  element = make("section", { className: "card error" }, this.heading, this.text, this.note);

  fail(answer) {
    if (this.shown === answer.error) return;
    write(this.text, this.shown = answer.error);
    this.heading.textContent = REASONS[answer.status] ?? `Error ${answer.status}`;
    document.title = `${this.heading.textContent} · pod-index`;
    const missing = "Deleted pods are kept for some minutes only. If this pod appears, it is shown here.";
    this.note.textContent = answer.hint ?? (answer.status === 404 ? missing : "");
    announce([`${this.heading.textContent}: ${answer.error}`, answer.hint].filter(Boolean).join("; "));
  }
}

// The status of the service

let since = null; // when the service became unreachable
let refused = false; // after a 401, further requests would show the login dialog again
let age = null;
let detailed = true; // false if the service keeps no details
const withDetails = () => (detailed ? { details: true } : {});

class Unreachable extends Error {}

async function ask(path, timeout, options) {
  let response, body;
  try {
    const signal = AbortSignal.any([requests.signal, AbortSignal.timeout(timeout)]);
    response = await fetch(path, { cache: "no-store", signal, ...options });
    body = await response.text();
  } catch (problem) {
    throw new Unreachable(problem.message);
  }
  try {
    body = JSON.parse(body);
  } catch {
    body = {}; // a response of a proxy
  }
  const { ok, status, headers } = response;
  const answer = { ok, status, body, age: null, matchedBy: headers.get("Matched-By") };
  answer.error = body.error ?? `${status} ${response.statusText}`;
  answer.hint = headers.get("Warning")?.match(/^299 - "(.+)"$/)?.[1];
  if (headers.has("Age")) age = answer.age = Number(headers.get("Age"));
  refused ||= status === 401;
  return answer;
}

function setStatus(state, text) {
  const status = $("status");
  status.dataset.state = state;
  if (status.textContent !== text) status.textContent = text;
}

function showStatus(ready) {
  if (since !== null) announce("pod-index answers again");
  since = null;
  if (!ready.ok) return setStatus("warn", `Not ready: ${plain(ready.error)}`);
  const pods = `${number(ready.body.podCount)} ${ready.body.podCount === 1 ? "pod" : "pods"}`;
  if (refused) return setStatus("warn", `${pods} · lookups: Unauthorized`);
  setStatus(age > STALE ? "warn" : "good", age === null ? pods : `${pods} · data ${span(age)} old`);
}

function showUnreachable() {
  if (since === null) {
    since = new Date();
    announce("pod-index cannot be reached");
  }
  if (!drawn && asked.kind !== "nothing") {
    show(new Failure());
    drawn.fail({ status: 0, error: "pod-index does not respond; this page keeps trying" });
  }
  setStatus("bad", `Not reachable since ${since.toLocaleTimeString()} · trying again`);
}

// The query and its result

let asked = {};
let drawn = null; // a Card, a List or a Failure
let settled = ""; // "missing" or "refused": no need to repeat the request
let moved = false; // after navigation
let turn = 0; // responses of earlier turns are ignored
let timer = 0;
let requests = new AbortController(); // of this turn

function read() {
  const given = new URLSearchParams(location.search);
  const names = ["id", "node", "namespace", "workload", "continue"];
  const [id, node, namespace, workload, after] = names.map((name) => given.get(name) ?? "");
  if (id) return { kind: "pod", id };
  return node || namespace || workload ? { kind: "list", node, namespace, workload, after } : { kind: "nothing" };
}

function show(next) {
  drawn = next;
  $("result").replaceChildren(next.element);
  $("result").ariaBusy = "false";
  if (!moved) return;
  moved = false;
  // The focused element may have been removed.
  if (document.activeElement === document.body) next.heading.focus({ preventScroll: true });
}

function go(address) {
  if (address !== location.search) history.pushState(null, "", address || location.pathname);
  moved = true;
  scrollTo(0, 0);
  begin();
}

function begin() {
  asked = read();
  $("id").value = asked.id ?? "";
  drawn = null;
  settled = "";
  refused = false;
  $("result").ariaBusy = String(asked.kind !== "nothing");
  if (asked.kind === "nothing") {
    $("result").replaceChildren($("examples").content.cloneNode(true));
    document.title = "pod-index";
    announce("");
    moved = false;
  }
  look();
}

function look() {
  clearTimeout(timer);
  requests.abort();
  requests = new AbortController();
  round(++turn);
}

async function round(mine) {
  try {
    const [ready] = await Promise.all([ask("ready", TIMEOUT_MS), refused ? null : lookUp(mine)]);
    if (mine === turn) showStatus(ready);
  } catch (problem) {
    if (!(problem instanceof Unreachable)) throw problem;
    if (mine === turn) showUnreachable();
  } finally {
    if (mine === turn && document.visibilityState === "visible") timer = setTimeout(look, POLL_MS);
  }
}

async function lookUp(mine) {
  const open = asked.kind !== "nothing" && settled === "";
  if (!open) {
    // One request for the age of the data, and for the missing pod.
    const ids = settled === "missing" ? [asked.id] : [];
    const address = "api/v1/pods/lookup?includeDeleted=true";
    const answer = await ask(address, LOGIN_MS, { method: "POST", body: JSON.stringify({ ids }) });
    if (mine !== turn || !answer.body.results?.[0]?.pod) return;
  }
  const { id, node, namespace, workload, after } = asked;
  const address = asked.kind === "pod"
    ? "api/v1/pod" + search({ id, includeDeleted: true, ...withDetails() })
    : "api/v1/pods" + search({ node, namespace, workload, limit: ROWS, continue: after });
  const answer = await ask(address, LOGIN_MS);
  if (mine !== turn) return;
  if (answer.error === "details are switched off by DETAILS" && detailed) {
    detailed = false;
    return lookUp(mine);
  }
  settled = answer.ok || answer.status >= 500 ? "" : [404, 409].includes(answer.status) ? "missing" : "refused";
  if (!answer.ok) {
    if (!drawn) show(new Failure());
    drawn.fail(answer);
  } else if (asked.kind === "list") {
    if (!(drawn instanceof List)) show(new List(asked));
    drawn.set(answer.body);
  } else {
    const pod = answer.body;
    const same = drawn instanceof Card && drawn.uid === pod.uid;
    const card = same ? drawn : new Card(pod.uid);
    card.set(pod, answer);
    if (!same) show(card);
  }
}

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const id = $("id").value.trim();
  go(id && search({ id }));
});

// An input field drops line breaks, which would join the lines of a cgroup file.
$("id").addEventListener("paste", (event) => {
  const text = event.clipboardData.getData("text");
  if (!/[\r\n]/.test(text)) return;
  event.preventDefault();
  const field = event.target;
  field.setRangeText(text.trim().replace(/[\r\n]+/g, " "), field.selectionStart, field.selectionEnd, "end");
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  if (link.origin !== location.origin || link.pathname !== location.pathname) return;
  event.preventDefault();
  go(link.search);
});

addEventListener("popstate", () => {
  moved = true;
  begin();
});

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") look();
  else clearTimeout(timer);
});

if (!location.search) $("id").focus();
begin();
