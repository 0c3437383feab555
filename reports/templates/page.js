"use strict";
const make = (tag, properties = {}, ...parts) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...parts);
  return element;
};

// Four times the absolute difference of two pictures, on black.
const drawDifference = async (canvas, one, two) => {
  await Promise.all([one.decode(), two.decode()]);
  const [width, height] = [one.naturalWidth, one.naturalHeight];
  const pixels = [one, two].map((picture) => {
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(picture, 0, 0, width, height);
    return context.getImageData(0, 0, width, height);
  });
  const [a, b] = pixels.map((data) => data.data);
  for (let i = 0; i < a.length; i += 1) {
    a[i] = i % 4 === 3 ? 255 : 4 * Math.abs(a[i] - b[i]);
  }
  canvas.getContext("2d").putImageData(pixels[0], 0, 0);
};
const showDifference = (stage, on) => {
  stage.classList.toggle("differing", on);
  stage.querySelectorAll("canvas").forEach((canvas) => canvas.remove());
  const pictures = ["left", "right"].map((side) => stage.querySelector(`.shot.${side} img`));
  if (!on || !pictures[0] || !pictures[1]) return;
  const canvas = make("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Difference between: ${pictures[0].alt}; ${pictures[1].alt}`);
  drawDifference(canvas, ...pictures).then(() => {
    if (stage.classList.contains("differing")) stage.append(canvas);
  });
};

// Drag, or focus and use the arrow keys.
const makeSlider = (stage) => {
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
};

// Two selects that never show the same: the other one takes this one's place.
const makeSides = (selects, changed) => {
  const before = selects.map((select) => select.value);
  selects.forEach((select, index) => {
    select.addEventListener("change", () => {
      const other = 1 - index;
      if (selects[other].value === select.value) selects[other].value = before[index];
      selects.forEach((each, i) => (before[i] = each.value));
      changed();
    });
  });
};

for (const pictures of document.querySelectorAll("[data-pictures]")) {
  const selects = [...pictures.querySelectorAll("select")];
  const differing = pictures.querySelector("[data-difference]");
  const stages = [...pictures.querySelectorAll("[data-stage]")];
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
    stages.forEach((stage) => showDifference(stage, differing.checked));
  };
  makeSides(selects, show);
  differing.addEventListener("change", show);
  stages.forEach(makeSlider);
  show();
}

const showNumber = (value, decimals) => {
  if (value === null) return "–";
  if (typeof value === "string") return value === "inf" ? "∞" : "−∞";
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
};
const columnName = (metric) => metric.title + (metric.unit ? ` (${metric.unit})` : "");
const makeOptions = (select, names, chosen) =>
  select.replaceChildren(
    ...names.map((name, i) => make("option", { value: i, textContent: name, selected: i === chosen })),
  );

// Every photo: a list to sort, and a dialog to look into one.
for (const box of document.querySelectorAll("[data-photos]")) {
  const { metrics, methods, pictures, photos } = JSON.parse(box.dataset.photos);
  box.removeAttribute("data-photos");
  const [metric, holder, dialog] = ["select", ".scroll", "dialog"].map((s) => box.querySelector(s));
  const [left, right] = dialog.querySelectorAll("select");
  const differing = dialog.querySelector("[data-difference]");
  const stage = dialog.querySelector(".stage");
  const values = dialog.querySelector("table");
  let [order, current] = [photos, photos[0]];

  const look = () => {
    const at = order.indexOf(current);
    dialog.querySelector("h4").textContent = current.name;
    dialog.querySelector("[data-place]").textContent = `${at + 1} of ${order.length}`;
    dialog.querySelector("[data-step='-1']").disabled = at === 0;
    dialog.querySelector("[data-step='1']").disabled = at === order.length - 1;
    const sides = [left, right].map((select) => current.pictures[select.value]);
    dialog.classList.toggle("without", !sides[0] && !sides[1]);
    stage.querySelectorAll(".shot").forEach((shot) => shot.remove());
    [left, right].forEach((select, i) => {
      if (!sides[i]) return;
      const name = pictures[select.value];
      const tag = make("span", { className: "tag", textContent: name });
      tag.setAttribute("aria-hidden", "true");
      const picture = make("img", { src: sides[i], alt: `${current.name}: ${name}` });
      stage.prepend(make("div", { className: `shot ${i ? "right" : "left"}` }, picture, tag));
    });
    showDifference(stage, differing.checked);
    values.tBodies[0].replaceChildren(
      ...methods.map((method, m) =>
        make(
          "tr",
          {},
          make("th", { scope: "row", textContent: method }),
          ...metrics.map((of, k) =>
            make("td", {
              className: "number",
              textContent: showNumber(current.values[m][k], of.decimals),
            }),
          ),
        ),
      ),
    );
  };
  const open = (photo) => {
    // In the order in which the list stands now.
    const rows = [...holder.querySelectorAll("tbody tr")];
    order = rows.map((row) => photos[row.dataset.photo]);
    current = photo;
    look();
    dialog.showModal();
  };
  const step = (by) => {
    const next = order[order.indexOf(current) + by];
    if (next) {
      current = next;
      look();
    }
  };
  const list = () => {
    const chosen = metrics[metric.value];
    const heads = ["Photo", ...methods].map((name, i) => {
      const head = make("th", { scope: "col", className: i ? "number" : "", textContent: name });
      if (i) head.dataset.first = "descending";
      return head;
    });
    const rows = photos.map((photo, i) => {
      const name = make("button", { type: "button", className: "open", textContent: photo.name });
      name.addEventListener("click", () => open(photo));
      const cells = methods.map((_, m) => {
        const value = photo.values[m][metric.value];
        const cell = make("td", {
          className: "number",
          textContent: showNumber(value, chosen.decimals),
        });
        cell.dataset.sort = value === null ? "" : String(value).replace("inf", "Infinity");
        return cell;
      });
      const head = make("th", { scope: "row" }, name);
      head.dataset.sort = photo.name;
      const row = make("tr", {}, head, ...cells);
      row.dataset.photo = i;
      return row;
    });
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
    makeSortable(table);
    holder.replaceChildren(table);
  };

  makeOptions(metric, metrics.map(columnName), 0);
  makeOptions(left, pictures, 0);
  makeOptions(right, pictures, Math.min(1, pictures.length - 1));
  values.tHead.rows[0].append(
    ...metrics.map((of) => make("th", { scope: "col", className: "number", textContent: columnName(of) })),
  );
  metric.addEventListener("change", list);
  makeSides([left, right], look);
  differing.addEventListener("change", () => showDifference(stage, differing.checked));
  dialog.querySelectorAll("[data-step]").forEach((button) => {
    button.addEventListener("click", () => step(Number(button.dataset.step)));
  });
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("keydown", (event) => {
    if (["SELECT", "INPUT"].includes(event.target.tagName)) return;
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      event.preventDefault();
      step(event.key === "ArrowLeft" ? -1 : 1);
    }
  });
  makeSlider(stage);
  list();
}
