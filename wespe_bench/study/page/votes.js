"use strict";

// Votes on their way to the server: one after the other, in the order they were cast, each sent
// again under the same uuid until the server has said that it is on disk.

const REPLY_WITHIN = 15000; // ms
const RETRY_FIRST = 500; // ms, doubled up to
const RETRY_LONGEST = 10000;

// A reply that sending again would not change.
class Refusal extends Error {
  constructor(status) {
    super(`the server answered ${status}`);
    this.status = status;
  }
}

class VoteQueue {
  // `send(vote)` throws a Refusal for good, anything else to be tried again. `changed()` is called
  // when a vote comes, goes, or waits for the network; `refused(status)` once, and the queue ends.
  constructor(send, changed, refused) {
    this.send = send;
    this.changed = changed;
    this.refused = refused;
    this.votes = [];
    this.waiting = false;
    this.running = false;
    this.wake = () => {};
    addEventListener("online", () => this.wake());
  }

  add(question, choice, milliseconds, screen) {
    this.votes.push({ question, body: { vote: makeUuid(), choice, milliseconds, screen } });
    this.changed();
    this.run();
  }

  async run() {
    if (this.running) return;
    this.running = true;
    let pause = RETRY_FIRST;
    while (this.votes.length) {
      try {
        await this.send(this.votes[0]);
        this.votes.shift();
        this.waiting = false;
        pause = RETRY_FIRST;
      } catch (fault) {
        if (fault instanceof Refusal) {
          this.votes = [];
          this.running = false;
          this.changed();
          this.refused(fault.status);
          return;
        }
        this.waiting = true;
        this.changed();
        await this.rest(Math.max(pause, fault.wait || 0));
        pause = Math.min(2 * pause, RETRY_LONGEST);
        continue;
      }
      this.changed();
    }
    this.running = false;
  }

  rest(milliseconds) {
    return new Promise((resolve) => {
      this.wake = resolve;
      setTimeout(resolve, milliseconds);
    });
  }
}
