"use strict";
document.documentElement.classList.add("js");
for (const pictures of document.querySelectorAll("[data-pictures]")) {
  const selects = [...pictures.querySelectorAll("select")];
  const show = () => {
    for (const select of selects) {
      for (const part of pictures.querySelectorAll("[data-shot]")) {
        part.classList.toggle(select.dataset.side, part.dataset.shot === select.value);
      }
    }
  };
  for (const select of selects) select.addEventListener("change", show);
  for (const stage of pictures.querySelectorAll("[data-stage]")) {
    const range = stage.querySelector("input");
    const cut = () => stage.style.setProperty("--cut", range.value + "%");
    const follow = (event) => {
      const box = stage.getBoundingClientRect();
      range.value = (100 * (event.clientX - box.left)) / box.width;
      cut();
    };
    range.addEventListener("input", cut);
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      range.focus({ preventScroll: true });
      stage.setPointerCapture(event.pointerId);
      follow(event);
    });
    stage.addEventListener("pointermove", (event) => {
      if (stage.hasPointerCapture(event.pointerId)) follow(event);
    });
    cut();
  }
  show();
}
