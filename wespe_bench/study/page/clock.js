"use strict";

// How long each question was on screen, in milliseconds: not while the page is in the background.

class Clock {
  constructor() {
    this.spent = new Map(); // question id -> ms
    this.question = null;
    this.since = 0;
    document.addEventListener("visibilitychange", () => this.settle());
  }

  get seen() {
    return document.visibilityState === "visible";
  }

  // Add what has passed, and count on from now.
  settle() {
    const now = performance.now();
    if (this.question !== null && this.counting) {
      this.spent.set(this.question, (this.spent.get(this.question) || 0) + now - this.since);
    }
    this.since = now;
    this.counting = this.seen;
  }

  start(question) {
    this.stop();
    this.question = question;
    this.settle();
  }

  stop() {
    this.settle();
    this.question = null;
  }

  read(question) {
    this.settle();
    return Math.round(this.spent.get(question) || 0);
  }
}
