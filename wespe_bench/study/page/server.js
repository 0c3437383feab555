"use strict";

// A study kept by a server: the rater's questions come from it, and every vote goes to it.

const RATER_KEY = "wespe-bench study rater";

const busy = (status) => [408, 429].includes(status) || status >= 500;

// One request; its JSON. Throws a Refusal where trying again is of no use.
const ask = async (method, path, rater, body) => {
  const headers = {};
  if (rater) headers.Authorization = `Bearer ${rater}`;
  if (body) headers["Content-Type"] = "application/json";
  const reply = await fetch(path, {
    method,
    headers,
    body: body && JSON.stringify(body),
    cache: "no-store",
    credentials: "omit",
    signal: AbortSignal.timeout(REPLY_WITHIN),
  });
  if (busy(reply.status)) {
    const fault = new Error(`the server answered ${reply.status}`);
    fault.wait = 1000 * (Number(reply.headers.get("Retry-After")) || 0);
    throw fault;
  }
  if (!reply.ok) throw new Refusal(reply.status);
  return reply.json();
};

class ServerStudy {
  static keepsFiles = false;

  // A new rater's study, or `rater`'s own as it stands.
  static async open(rater, token = "") {
    const own = rater || (await ask("POST", "api/session", "", { token })).rater;
    const session = await ask("GET", "api/session", own);
    remember(RATER_KEY, own);
    return new ServerStudy(own, session);
  }

  constructor(rater, session) {
    this.rater = rater;
    this.changed = () => {};
    this.refused = () => {};
    this.take(session);
    this.queue = new VoteQueue(
      ({ question, body }) => ask("PUT", `api/votes/${question}`, rater, body),
      () => this.changed(),
      (status) => this.refused(status),
    );
  }

  take({ title, tile, position, closed, questions }) {
    Object.assign(this, { title, tile, position, closed, questions });
  }

  // As the server has it: another window may have gone on.
  async refresh() {
    this.take(await ask("GET", "api/session", this.rater));
  }

  get unsaved() {
    return this.queue.votes.length;
  }

  get waiting() {
    return this.queue.waiting;
  }

  vote(question, choice, milliseconds, screen) {
    this.queue.add(question.id, choice, milliseconds, screen);
  }
}
