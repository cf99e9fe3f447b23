// What an address asks for: it is looked up, and then followed by a stream.

const PAUSE_MS = 500; // before the second attempt
const PAUSE_MAX_MS = 5000;
const HEALTHY_MS = 10000; // a stream that lasted so long did not fail
const REFRESH_MS = 30000; // where no stream is possible

const jitter = () => 0.75 + Math.random() / 2;

function sleep(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

class Visit {
  drawn = null; // a Card, a List or a Failure
  views = null; // that can be followed, the best one first
  stream = null; // of the first view
  problem = ""; // why a view cannot be followed
  missing = false; // a lookup waits until there is a pod
  settled = false; // after an error that will not change
  refused = false; // after a 401, further requests would show the login dialog again
  failures = 0;

  constructor(asked) {
    this.asked = asked;
    if (asked?.view) this.views = [asked.view];
  }

  async run(signal) {
    while (!signal.aborted) {
      let pause;
      try {
        pause = await this.step(signal);
      } catch (problem) {
        if (signal.aborted) return;
        if (!(problem instanceof Unreachable)) throw problem;
        this.showUnreachable();
        pause = this.backOff();
      }
      await sleep(pause, signal);
    }
  }

  // Makes the next request, and returns the time until the one after it.
  async step(signal) {
    if (this.settled || !this.asked) return this.askService(signal);
    if (!this.views) {
      if (!(await this.look(signal))) return this.settled ? 0 : this.backOff();
      if (!this.views.length) return this.showUnfollowed();
    }
    if (document.visibilityState !== "visible") {
      return this.drawn || (await this.look(signal)) ? REFRESH_MS : this.backOff();
    }
    if (!this.views.length) return this.refresh(signal);
    this.stream ??= new Stream(this.views[0]);
    const began = Date.now();
    const answer = await this.stream.read(signal, (changes, all) => this.apply(changes, all));
    if (Date.now() - began > HEALTHY_MS) this.failures = 0;
    switch (answer?.status) {
      case undefined:
        return this.backOff();
      case 400: case 404: case 405:
        this.problem = answer.error;
        this.stream = null;
        this.views.shift();
        return 0;
      case 401: case 403:
        this.fail(answer);
        return 0;
      default:
        this.problem = answer.error;
        this.stream = null;
        return this.refresh(signal);
    }
  }

  // Asks without a stream, and shows the answer. Returns whether it is a result.
  async look(signal) {
    const { id, cluster, view, after } = this.asked;
    const where = OWN && !cluster ? { clusters: "all" } : within(cluster);
    const address = id
      ? "api/v1/pod"
        + search({ id, includeDeleted: true, ...withDetails(), ...where, ...(this.missing && { wait: "10s" }) })
      : "api/v1/pods" + search({ ...view, limit: ROWS, continue: after });
    const answer = await ask(address, signal);
    if (detailed && answer.error.endsWith(" by DETAILS")) {
      detailed = false;
      return this.look(signal);
    }
    if (!answer.ok) return this.fail(answer);
    this.missing = false;
    if (view) this.list().setPage(answer.body);
    else this.setPod(answer);
    return true;
  }

  fail(answer) {
    const { status, error } = answer;
    this.missing = status === 404 || status === 409;
    this.refused = status === 401;
    this.settled = status < 500 && !this.missing;
    if (this.missing) {
      this.failures = 0; // it has waited
      setStatus("good", "Waiting for the pod", true);
    }
    if (status >= 500) setStatus("warn", `Not ready: ${plain(error)}`);
    if (!this.drawn) this.show(new Failure());
    this.drawn.fail(answer);
    return false;
  }

  setPod({ body, matchedBy, cluster }) {
    const same = this.drawn instanceof Card && this.drawn.uid === body.uid && this.drawn.cluster === cluster;
    const card = same ? this.drawn : new Card(body.uid, cluster);
    card.setFound(body, matchedBy);
    if (!same) this.show(card);
    this.views ??= card.views();
    if (card.elsewhere) this.problem = `the pod is in the cluster ${cluster}`;
  }

  list() {
    if (!(this.drawn instanceof List)) this.show(new List(this.asked));
    return this.drawn;
  }

  // Applies what came by the stream; returns whether the pod must be looked up again.
  apply(changes, all) {
    const shown = this.asked.view ? this.list() : this.drawn;
    setStatus("good", "Live", true);
    shown.setProblem("");
    if (!shown.apply(changes, all)) return false;
    this.views = this.stream = null;
    return true;
  }

  // Replaces a stream.
  async refresh(signal) {
    return (await this.look(signal)) ? this.showUnfollowed() : this.settled ? 0 : this.backOff();
  }

  showUnfollowed() {
    this.drawn.setProblem(this.problem);
    setStatus("warn", "Not live", true);
    this.failures = 0;
    return REFRESH_MS * jitter();
  }

  // Where there is nothing to follow: how many pods the service has, and how old the data is.
  async askService(signal) {
    const ready = await ask("ready", signal);
    if (!this.refused) {
      const { status } = await ask("api/v1/pods/lookup", signal, { method: "POST", body: '{"ids":[]}' });
      this.refused = status === 401;
    }
    if (!ready.ok) setStatus("warn", `Not ready: ${plain(ready.error)}`);
    else if (this.refused) setStatus("warn", `${counted(ready.body.podCount)} · lookups: Unauthorized`);
    else setStatus("good", counted(ready.body.podCount), true);
    return REFRESH_MS * jitter();
  }

  backOff() {
    return Math.min(PAUSE_MS * 2 ** this.failures++, PAUSE_MAX_MS) * jitter();
  }

  showUnreachable() {
    setReachable(false);
    if (this.drawn || !this.asked) return;
    this.show(new Failure());
    this.drawn.fail({ status: 0, error: "pod-index does not respond; this page keeps trying" });
  }

  show(next) {
    this.drawn = next;
    $("result").replaceChildren(next.element);
    $("result").ariaBusy = "false";
    if (!moved) return;
    moved = false;
    // The focused element may have been removed.
    if (document.activeElement === document.body) next.heading.focus({ preventScroll: true });
  }
}
