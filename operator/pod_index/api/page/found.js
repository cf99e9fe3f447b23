// A result. It stays as the last known state if later requests fail.
class Found {
  heading = make("h2", { tabIndex: -1 });
  notice = make("p", { className: "notice", hidden: true });
  problem = make("span");
  live = make("p", { className: "note", hidden: true },
    this.problem, make("button", { type: "button", className: "small", onclick: () => resume() }, "Refresh"));

  fail(answer) {
    const text = `${answer.status}: ${answer.error}. This is the last known state.`;
    if (this.notice.hidden) announce(text);
    this.notice.hidden = false;
    this.live.hidden = true;
    write(this.notice, text);
  }

  // Shows why changes do not come by a stream.
  setProblem(problem) {
    const text = problem && `Not live: ${problem}. Refreshed every ${REFRESH_MS / 1000} s. `;
    this.live.hidden = !problem;
    if (this.problem.textContent === text) return;
    write(this.problem, text);
    if (problem) announce(text);
  }
}
