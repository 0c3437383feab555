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
    // The table's columns stand in the order of the picture's sides.
    for (const row of pictures.querySelectorAll("table.values tr")) {
      for (const select of selects) {
        const cell = [...row.children].find((part) => part.dataset.shot === select.value);
        if (cell) row.append(cell);
      }
    }
  };
  const before = selects.map((select) => select.value);
  selects.forEach((select, index) => {
    select.addEventListener("change", () => {
      const other = 1 - index;
      // Both sides the same would compare nothing: the other one takes this one's place.
      if (selects[other] && selects[other].value === select.value) selects[other].value = before[index];
      selects.forEach((each, i) => (before[i] = each.value));
      show();
    });
  });
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
