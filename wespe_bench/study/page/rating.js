"use strict";

// The rating itself: which pair is on screen, the choice, one step back, and what is said of it.

const TOO_SOON = 250; // ms after a pair appears: a double click or a held key, not a choice
const SAVING_SHOWN_AFTER = 400; // ms; most votes are saved before anyone could read that they are

const byId = (id) => document.getElementById(id);
const SIDES = ["left", "right"];
const NAMES = { left: "A", right: "B" };

class Rating {
  // `finished()` after the last choice, `stopped(status)` when the server takes no more votes.
  constructor({ finished, stopped }) {
    this.finished = finished;
    this.stopped = stopped;
    this.clock = new Clock();
    this.study = null;
    this.at = 0;
    this.appeared = 0;
    const limit = navigator.deviceMemory && navigator.deviceMemory < 4 ? 96 : 192;
    this.tiles = new Tiles(
      limit,
      () => this.stage.request(),
      (troubled) => this.trouble(troubled),
    );
  }

  // Only now: without a study there is nothing to draw.
  open(study) {
    this.study = study;
    study.changed = () => this.tellSaving();
    study.refused = (status) => this.stopped(status);
    this.stage = new Stage(SIDES.map(byId), this.tiles, study.tile, {
      shown: () => this.appear(),
      moved: (scale) => (byId("scale").value = `${Math.round(100 * scale)}%`),
    });
  }

  get total() {
    return this.study.questions.length;
  }

  get question() {
    return this.study.questions[this.at];
  }

  show(at) {
    this.at = at;
    const { question, study } = this;
    document.body.dataset.pair = "coming";
    byId("progress").textContent = `${at + 1} of ${this.total}`;
    byId("bar").max = this.total;
    byId("bar").value = at;
    document.title = `${at + 1} of ${this.total}: which photo do you prefer?`;
    byId("back").setAttribute("aria-disabled", String(!this.canGoBack));
    for (const side of SIDES) {
      byId(`choose-${side}`).setAttribute("aria-pressed", String(question.answer === side));
    }
    this.say("");
    const next = study.questions[at + 1];
    this.stage.show(question, next ? [next.left, next.right] : []);
    this.tellSaving();
  }

  // Both photos stand on screen.
  appear() {
    document.body.dataset.pair = "shown";
    this.appeared = performance.now();
    if (!byId("about").open) this.clock.start(this.question.id);
    this.say(`Pair ${this.at + 1} of ${this.total}`);
    this.tellSaving();
  }

  hide() {
    this.clock.stop();
    this.stage.hide();
  }

  // From the first unanswered pair to the one before it, and no further.
  get canGoBack() {
    return this.at > 0 && this.at === this.study.position;
  }

  back() {
    if (!this.canGoBack) return;
    this.clock.stop();
    this.show(this.at - 1);
  }

  choose(side) {
    const { question, study } = this;
    if (!this.stage.complete || performance.now() - this.appeared < TOO_SOON) return;
    const milliseconds = this.clock.read(question.id);
    this.clock.stop();
    if (question.answer !== side) {
      question.answer = side;
      study.position = Math.max(study.position, this.at + 1);
      study.vote(question, side, milliseconds, this.stage.screen);
    }
    if (study.position < this.total) {
      this.show(study.position);
    } else {
      this.hide();
      this.finished();
    }
  }

  say(text) {
    byId("said").textContent = text;
  }

  trouble(troubled) {
    this.troubled = troubled;
    this.tellSaving();
  }

  // One line over the photos, for what a rater has to know.
  tellSaving() {
    clearTimeout(this.later);
    const { unsaved, waiting } = this.study;
    const tell = (text) => {
      if (byId("state").textContent !== text) byId("state").textContent = text;
    };
    if (waiting) tell("No connection. Keep this page open.");
    else if (this.troubled) tell("A photo does not load. Trying again.");
    else if (!unsaved) tell(this.reminder);
    else this.later = setTimeout(() => tell("saving…"), SAVING_SHOWN_AFTER);
    this.savingChanged();
  }

  get reminder() {
    const { answer } = this.question || {};
    return answer && this.stage.complete ? `You chose ${NAMES[answer]}. Choose again to go on.` : "";
  }

  savingChanged() {}
}
