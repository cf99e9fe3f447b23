// The stream of a view: the pods of a node, a namespace or a workload, and their changes.

const SILENT_MS = 45000; // three heartbeats; a stream that is silent for longer is dead
const RESUME_MS = 10000; // a replica that is behind the resume token waits; from the start it answers at once
const FOLLOWED_MAX = 2000; // pods

// Yields the lines of a response as documents, some at a time.
async function* documents(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      yield lines.map((line) => JSON.parse(line));
    }
  } catch (problem) {
    failUnreachable(problem);
  }
}

class Stream {
  resume = "";

  constructor(view) {
    this.view = view;
  }

  // Reads the stream, once. At each bookmark, calls `apply` with the changes by UID, null for pods that are gone, and
  // with whether they are all pods; the stream is closed if it returns true. Returns why it is of no use, or null.
  async read(signal, apply) {
    const resumed = this.resume;
    const address = search({ watch: true, ...this.view, ...(resumed && { resume: resumed }) });
    const own = new AbortController();
    let alarm, response;
    const limit = (ms) => {
      clearTimeout(alarm);
      alarm = setTimeout(() => own.abort(), ms);
    };
    this.changes = new Map();
    this.marked = false; // whether there has been a bookmark
    try {
      limit(patience());
      response = await send("api/v1/pods" + address, AbortSignal.any([signal, own.signal]));
      if (!response.ok && response.status !== 410) return await answerOf(response);
      limit(resumed ? RESUME_MS : SILENT_MS);
      for await (const events of documents(response)) {
        limit(SILENT_MS);
        for (const event of events) {
          if (this.take(event, apply)) return null;
          if (!resumed && !this.marked && this.changes.size > FOLLOWED_MAX) {
            return { status: 400, error: `more than ${number(FOLLOWED_MAX)} pods` };
          }
        }
      }
    } catch (problem) {
      if (!response || signal.aborted || !(problem instanceof Unreachable)) throw problem;
    } finally {
      clearTimeout(alarm);
      own.abort();
    }
    if (this.marked) return null;
    this.resume = "";
    return resumed ? null : { status: 502, error: "nothing comes by the stream" };
  }

  take({ type, object, resume, initialEventsEnd = false, age, code }, apply) {
    if (type === "ERROR") {
      if (code === 410) this.resume = "";
      if (code === 401) known = false;
    } else if (type !== "BOOKMARK") {
      this.changes.set(object.uid, type === "DELETED" ? null : object);
    } else {
      this.marked = true;
      setAge(age);
      if (resume === undefined && !initialEventsEnd) return false; // the changes so far are not all of them
      this.resume = resume ?? "";
      const changes = this.changes;
      this.changes = new Map();
      return apply(changes, initialEventsEnd);
    }
  }
}
