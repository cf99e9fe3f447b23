// Addresses, and what people do with the page.

let visit = null;
let running = new AbortController(); // of the visit's requests
let moved = false; // after navigation

// Returns what the address asks for: a pod, a page of a list, or nothing (null).
function read() {
  const given = new URLSearchParams(location.search);
  const id = given.get("id");
  const view = ["workload", "node", "namespace"].map((name) => [name, given.get(name)]).filter(([, value]) => value);
  if (id) return { id, cluster: given.get("cluster") };
  return view.length ? { view: Object.fromEntries(view), after: given.get("continue") ?? "" } : null;
}

function go(address) {
  if (address !== location.search) history.pushState(null, "", address || location.pathname);
  moved = true;
  scrollTo(0, 0);
  begin();
}

function begin() {
  const asked = read();
  visit = new Visit(asked);
  $("id").value = asked?.id ?? "";
  $("result").ariaBusy = String(asked !== null);
  if (!asked) {
    $("result").replaceChildren($("examples").content.cloneNode(true));
    document.title = "pod-index";
    announce("");
    moved = false;
  }
  resume();
}

// Goes on with the visit at once.
function resume() {
  running.abort();
  running = new AbortController();
  visit.run(running.signal);
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
  if (document.visibilityState === "visible") resume();
  else running.abort();
});

setInterval(() => {
  drawStatus();
  visit.drawn?.tick?.();
}, 1000);

if (!location.search) $("id").focus();
begin();
