// Requests to the API.

const LOGIN_MS = 120000; // a request waits while the browser asks for a password
const TIMEOUT_MS = 20000; // more than lookups wait

const OWN = document.documentElement.dataset.cluster; // the name of this cluster; without one, it knows no others
const within = (cluster) => (cluster ? { cluster } : {});
let detailed = true; // false if the service keeps no details
let known = false; // whether the service accepts the credentials
const withDetails = () => (detailed ? { details: true } : {});

class Unreachable extends Error {}

function failUnreachable(problem) {
  throw new Unreachable(problem.message);
}

async function send(path, signal, options) {
  const request = { cache: "no-store", signal, headers: credentials(), ...options };
  const response = await fetch(path, request).catch(failUnreachable);
  if (path.startsWith("api/")) known = response.status !== 401;
  setReachable(true);
  return response;
}

const patience = () => (known ? TIMEOUT_MS : LOGIN_MS);

async function ask(path, signal, options) {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(patience())]);
  return answerOf(await send(path, limited, options));
}

async function answerOf(response) {
  const { ok, status, headers } = response;
  const text = await response.text().catch(failUnreachable);
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    // a response of a proxy
  }
  if (headers.has("Age")) setAge(Number(headers.get("Age")));
  if (status === 401) dropToken(/\bBearer\b/i.test(headers.get("WWW-Authenticate")));
  const error = body.error ?? `${status} ${response.statusText}`;
  const hint = headers.get("Warning")?.match(/^299 - "(.+)"$/)?.[1];
  const shown = error.endsWith(hint) ? "" : hint;
  const [matchedBy, cluster] = ["Matched-By", "Cluster"].map((name) => headers.get(name));
  return { ok, status, body, error, hint: shown, matchedBy, cluster };
}
