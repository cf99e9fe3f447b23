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
    announce(`${this.heading.textContent}: ${[answer.error, answer.hint].filter(Boolean).join("; ")}`);
  }
}
