"use strict";

// Which part of the page is seen: introduction, rating, thanks, or a notice; and the controls.

const PARTS = ["intro", "rating", "finished", "notice"];
const fragment = () => new URLSearchParams(location.hash.slice(1));

let study = null;

const see = (part) => {
  for (const name of PARTS) byId(name).hidden = name !== part;
  document.body.dataset.part = part;
};

const notify = (head, text, act) => {
  byId("notice-head").textContent = head;
  byId("notice-text").textContent = text;
  byId("notice-act").hidden = !act;
  byId("notice-act").onclick = act || null;
  see("notice");
  byId("notice-head").focus();
};

const explain = (status, again) => {
  if (status === 410) {
    notify("This study is closed", "It takes no more answers. Those you gave until then are kept. Thank you.");
  } else if (status === 404 || status === 401) {
    notify("This link leads to no study", "It may be cut short, or the study is gone. Ask whoever invited you for a new one.");
  } else if (status === undefined) {
    notify("The study cannot be reached", "Check your connection. Nothing you answered is lost.", again);
  } else {
    notify("Something is wrong with this study", `Its server answered ${status}. Please tell whoever invited you.`, again);
  }
};

const rating = new Rating({
  finished: () => thank(),
  stopped: async (status) => {
    if (status !== 409) {
      rating.hide();
      explain(status);
      return;
    }
    // Another window went on, or an answer got lost: go on where the server stands.
    try {
      await study.refresh();
      enter();
    } catch (fault) {
      explain(fault.status, () => location.reload());
    }
  },
});

const thank = () => {
  byId("finished-count").textContent = `All ${rating.total} pairs are answered.`;
  document.title = "Thank you";
  see("finished");
  rating.savingChanged();
  byId("finished").querySelector("h1").focus();
};

rating.savingChanged = () => {
  const text = study.waiting
    ? "No connection. Your last answers are saved as soon as it is back; keep this page open."
    : study.unsaved
      ? "Saving your last answers…"
      : "Your answers are saved. You can close this page.";
  if (!byId("finished").hidden && byId("finished-server").textContent !== text) {
    byId("finished-server").textContent = text;
  }
};

// Into the study, at the rater's place.
const enter = () => {
  history.replaceState(null, "", `#r=${study.rater}`);
  byId("link").value = location.href;
  if (study.closed) {
    explain(410);
  } else if (study.position >= rating.total) {
    thank();
  } else {
    see("rating");
    rating.show(study.position);
    byId("question").focus();
  }
};

const take = (opened) => {
  study = opened;
  rating.open(study);
  for (const part of document.querySelectorAll("[data-static]")) part.hidden = !study.constructor.keepsFiles;
  for (const part of document.querySelectorAll("[data-server]")) part.hidden = study.constructor.keepsFiles;
};

const start = async () => {
  const fault = byId("intro-fault");
  fault.hidden = true;
  try {
    if (!study) {
      const token = byId("token").value.trim() || fragment().get("t") || "";
      take(await ServerStudy.open("", token));
    }
    enter();
  } catch (refused) {
    if (refused.status === 403) {
      fault.textContent = byId("code").hidden
        ? "This study is open to those invited. Enter the code from your invitation."
        : "That is not the code of this study now. Check the invitation, or ask whoever sent it for the link of today.";
      byId("code").hidden = false;
      fault.hidden = false;
      byId("token").focus();
    } else if (refused.status === 410) {
      explain(410);
    } else {
      fault.textContent = refused.status
        ? `The study does not start: its server answered ${refused.status}.`
        : "The study cannot be reached just now. Check your connection and try again.";
      fault.hidden = false;
    }
  }
};

// A study under way in this browser: go on, or start over.
const offer = (leave) => {
  byId("start").hidden = true;
  byId("continue").hidden = false;
  const done = study.position >= rating.total;
  byId("continue-at").textContent = `${study.position} of ${rating.total} pairs answered`;
  byId("go-on").textContent = done ? "To the end" : "Go on";
  byId("go-on").onclick = enter;
  byId("anew").onclick = leave;
};

const leaveStatic = () => {
  if (!confirm("The answers kept in this browser are deleted. Were they saved as a file?")) return;
  study.forget();
  history.replaceState(null, "", location.pathname);
  location.reload();
};

const leaveServer = () => {
  forget(RATER_KEY);
  location.reload();
};

const begin = async () => {
  const own = fragment().get("r");
  const known = own || recall(RATER_KEY);
  try {
    if (window.STUDY) take(StaticStudy.open(window.STUDY));
    else if (known) take(await ServerStudy.open(known));
    if (study && study.constructor.keepsFiles) {
      document.querySelector("[data-title]").textContent = study.title;
    }
    if (study && own === study.rater && (study.position || !study.constructor.keepsFiles)) {
      enter();
      return;
    }
    if (study && study.constructor.keepsFiles && study.position) offer(leaveStatic);
    else if (study && !study.constructor.keepsFiles) offer(leaveServer);
    see("intro");
  } catch (fault) {
    if (!own && fault.status) {
      forget(RATER_KEY); // of a study that was here before
      see("intro");
    } else {
      explain(fault.status, () => location.reload());
    }
  }
};

byId("start").addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});

const choose = (side, event) => {
  if (event.detail > 1) return; // the second half of a double click
  rating.choose(side);
};
byId("choose-left").addEventListener("click", (event) => choose("left", event));
byId("choose-right").addEventListener("click", (event) => choose("right", event));
byId("back").addEventListener("click", () => rating.back());
byId("in").addEventListener("click", () => rating.stage.zoomStep(1));
byId("out").addEventListener("click", () => rating.stage.zoomStep(-1));
byId("fit").addEventListener("click", () => rating.stage.fit());
byId("full").addEventListener("click", () => rating.stage.full());
byId("reconsider").addEventListener("click", () => {
  see("rating");
  rating.show(rating.total - 1);
  byId("question").focus();
});
const save = (status) => {
  study.download();
  byId(status).textContent = `The file votes-${study.rater}.json is in your downloads.`;
};
byId("download").addEventListener("click", () => save("downloaded"));
byId("download-part").addEventListener("click", () => save("copied"));
byId("another").addEventListener("click", leaveStatic);

const about = byId("about");
byId("help").addEventListener("click", () => {
  rating.clock.stop();
  byId("copied").textContent = "";
  about.showModal();
});
about.addEventListener("close", () => {
  if (rating.stage.complete) rating.clock.start(rating.question.id);
});
byId("copy").addEventListener("click", async () => {
  byId("link").select();
  try {
    await navigator.clipboard.writeText(byId("link").value);
    byId("copied").textContent = "Copied.";
  } catch {
    byId("copied").textContent = "Copy the marked link.";
  }
});
byId("keys").checked = recall("wespe-bench study keys") !== "off";
byId("keys").addEventListener("change", () => {
  remember("wespe-bench study keys", byId("keys").checked ? "on" : "off");
});

const VIEW_KEYS = {
  "+": () => rating.stage.zoomStep(1),
  "=": () => rating.stage.zoomStep(1),
  "-": () => rating.stage.zoomStep(-1),
  0: () => rating.stage.fit(),
  ArrowLeft: () => rating.stage.panStep(-1, 0),
  ArrowRight: () => rating.stage.panStep(1, 0),
  ArrowUp: () => rating.stage.panStep(0, -1),
  ArrowDown: () => rating.stage.panStep(0, 1),
};
const CHOICE_KEYS = {
  a: () => rating.choose("left"),
  1: () => rating.choose("left"),
  b: () => rating.choose("right"),
  2: () => rating.choose("right"),
  Backspace: () => rating.back(),
};
document.addEventListener("keydown", (event) => {
  if (byId("rating").hidden || about.open) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  // A button held down with the enter key is pressed once.
  if (event.repeat && event.key === "Enter") event.preventDefault();
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const everywhere = byId("keys").checked;
  const turn = everywhere || event.target === byId("stage") ? VIEW_KEYS[key] : undefined;
  const pick = everywhere && !event.repeat ? CHOICE_KEYS[key] : undefined;
  if (turn || pick) {
    event.preventDefault();
    (turn || pick)();
  }
});

addEventListener("beforeunload", (event) => {
  if (study && study.unsaved) event.preventDefault();
});
// Another link of the same study, pasted into this window.
addEventListener("hashchange", () => location.reload());

begin();
