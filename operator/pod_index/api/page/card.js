// The kinds of workloads that need no group.
const GROUPS = {
  Deployment: "apps", ReplicaSet: "apps", StatefulSet: "apps", DaemonSet: "apps", Job: "batch", CronJob: "batch",
  ReplicationController: "", Pod: "",
};

// A workload as the API takes it.
function key({ apiVersion, kind, name }) {
  const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
  return GROUPS[kind] === group ? `${kind}/${name}` : `${kind}.${group}/${name}`;
}

const FILTER_FROM = 12; // labels and annotations

// One pod.
class Card extends Found {
  constructor(uid, cluster) {
    super();
    Object.assign(this, { uid, cluster, elsewhere: Boolean(cluster) && cluster !== OWN });
    const list = (key) => (text) => !this.elsewhere && search({ [key]: text }); // lists are of one cluster
    const pods = (workload) => !this.elsewhere && search({ workload, namespace: this.pod.namespace });
    this.facts = {
      cluster: new Row("Cluster", { optional: true }),
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
    const permalink = () => new URL(search({ id: uid, ...within(cluster) }), location).href;
    const json = make("a", { href: "api/v1/pod" + search({ uid, includeDeleted: true, ...withDetails(), ...within(cluster) }) }, "JSON");
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
      make("div", { className: "head" }, this.heading, this.phase), this.notice, this.live,
      make("dl", { className: "facts" }, ...Object.values(this.facts).map((row) => row.element),
        make("div", {}, make("dt", {}, "Share"), share)),
      this.containers.element, this.filters, this.labels.element, this.annotations.element);
  }

  filter() {
    const wanted = this.filters.hidden ? "" : this.wanted.value.trim().toLowerCase();
    this.labels.filter(wanted);
    this.annotations.filter(wanted);
  }

  // The views that have the pod, the smallest one first.
  views() {
    if (this.elsewhere) return [];
    const { namespace, nodeName: node, workload } = this.pod;
    const views = [workload && { workload: key(workload), namespace }, node && { node, namespace }, { namespace }];
    return views.filter(Boolean).map((view) => ({ ...view, ...withDetails() }));
  }

  // Shows the response of a lookup.
  setFound(pod, matchedBy) {
    this.matchedBy = matchedBy;
    this.containers.setMatched(pod.containers ?? [], pod.matchedContainer);
    this.notice.hidden = true;
    this.set(pod);
  }

  // Shows what came by the stream. Returns whether the identifier may be that of another pod now, or of none.
  apply(changes, all) {
    const pod = changes.get(this.uid);
    this.notice.hidden = true;
    if (pod) this.set(pod);
    const gone = pod === null || (all && !pod);
    const { namespace, name, deletedAt } = this.pod;
    const isSuccessor = (other) => other?.namespace === namespace && other.name === name && other.uid !== this.uid;
    return (gone && !deletedAt) || (this.matchedBy === "name" && [...changes.values()].some(isSuccessor));
  }

  tick() {
    this.set(this.pod);
  }

  set(pod) {
    const changed = pod !== this.pod;
    this.pod = pod;
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
    const ordinary = [pod.namespace, pod.name].every((name) => /^[a-z0-9][a-z0-9.-]*$/.test(name));
    this.containers.set(pod.containers ?? []);
    const facts = {
      cluster: this.cluster ?? "",
      workload: pod.workload ? key(pod.workload) : "",
      namespace: pod.namespace,
      nodeName: pod.nodeName,
      podIP: pod.podIP,
      uid: pod.uid,
      created: moment(pod.createdAt),
      deleted: gone ? `${moment(pod.deletedAt)}, last phase ${pod.phase || "none"}` : "",
      kubectl: ordinary && !gone && !this.elsewhere ? `kubectl -n ${pod.namespace} describe pod ${pod.name}` : "",
      matched: this.matchedBy ?? "",
      age: age() === null ? "" : `confirmed by the API server ${span(age())} ago`,
    };
    for (const [name, text] of Object.entries(facts)) this.facts[name].set(text);
    if (!changed) return;
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
