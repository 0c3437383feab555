"use strict";

// A study without a server: questions from study-data.js (`window.STUDY`), votes in this browser
// until they are downloaded as a file.

class StaticStudy {
  static keepsFiles = true;

  static key(data) {
    return `wespe-bench study ${data.revision}`;
  }

  // What this browser keeps of the study, or null.
  static kept(data) {
    try {
      const state = JSON.parse(recall(StaticStudy.key(data)));
      const fits =
        state &&
        typeof state.rater === "string" &&
        Number.isInteger(state.seed) &&
        Array.isArray(state.votes) &&
        state.votes.length <= data.questions.length;
      return fits ? state : null;
    } catch {
      return null;
    }
  }

  // The kept study where there is one, or a new rater's.
  static open(data) {
    const state = StaticStudy.kept(data) || { rater: makeRater(), seed: makeSeed(), votes: [] };
    return new StaticStudy(data, state);
  }

  constructor(data, state) {
    Object.assign(this, { data, state, rater: state.rater, title: data.title, tile: data.tile });
    this.closed = false;
    this.unsaved = 0;
    this.waiting = false;
    this.changed = () => {};
    this.refused = () => {};
    const side = (picture) => ({ picture, levels: data.pictures[picture].levels });
    this.questions = drawOrder(state.seed, data.questions.length).map(({ index, firstLeft }, at) => {
      const { id, first, second } = data.questions[index];
      const [left, right] = firstLeft ? [first, second] : [second, first];
      const answer = state.votes[at] ? state.votes[at].choice : null;
      return { id, left: side(left), right: side(right), answer };
    });
    this.position = state.votes.length;
    this.store();
    // Another window of the same study went on.
    addEventListener("storage", ({ key }) => {
      if (key === StaticStudy.key(data)) location.reload();
    });
  }

  store() {
    this.kept = remember(StaticStudy.key(this.data), JSON.stringify(this.state));
  }

  vote(question, choice, milliseconds, screen) {
    const at = this.questions.indexOf(question);
    const before = this.state.votes[at];
    this.state.votes[at] = {
      question: question.id,
      left: question.left.picture,
      right: question.right.picture,
      choice,
      milliseconds,
      screen,
      position: at + 1,
      revised: before ? before.revised + 1 : 0,
    };
    this.store();
    this.changed();
  }

  download() {
    const { rater, seed, votes } = this.state;
    const file = { format: 1, study: this.data.revision, rater, seed, votes };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(file)], { type: "application/json" }));
    link.download = `votes-${rater}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  forget() {
    forget(StaticStudy.key(this.data));
  }
}
