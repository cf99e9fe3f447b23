// The state of the service, in the header.

const STALE = 150; // seconds; a watch that is silent for 130 is reopened

let since = null; // when the service became unreachable
let confirmed = null; // when the API server last confirmed the data
let state = { kind: "asking", text: "Asking …" };

function setAge(seconds) {
  confirmed = Date.now() - seconds * 1000;
}

const age = () => (confirmed === null ? null : (Date.now() - confirmed) / 1000);

function setStatus(kind, text, aged = false) {
  state = { kind, text, aged };
  drawStatus();
}

function drawStatus() {
  const aged = state.aged && age() !== null;
  const text = aged ? `${state.text} · data ${span(age())} old` : state.text;
  const status = $("status");
  status.dataset.state = aged && age() > STALE ? "warn" : state.kind;
  if (status.textContent !== text) status.textContent = text;
}

function setReachable(reachable) {
  if (reachable !== (since === null)) announce(`pod-index ${reachable ? "answers again" : "cannot be reached"}`);
  since = reachable ? null : since ?? new Date();
  if (!reachable) setStatus("bad", `Not reachable since ${since.toLocaleTimeString()} · trying again`);
}
