"use strict";
const make = (tag, properties = {}, ...parts) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...parts);
  return element;
};

// The strip's pictures with their names and scores, as one picture.
for (const button of document.querySelectorAll("[data-save-strip]")) {
  const strip = button.closest("section").querySelector("[data-strip]");
  button.addEventListener("click", async () => {
    const [gap, line] = [12, 26];
    const panels = [...strip.querySelectorAll("a")].map((panel) => [
      panel.querySelector("img"),
      [...panel.querySelectorAll("span, small")].map((part) => part.textContent).join(", "),
    ]);
    await Promise.all(panels.map(([image]) => image.decode()));
    const width = Math.max(240, ...panels.map(([image]) => image.naturalWidth));
    const height = Math.max(...panels.map(([image]) => (width * image.naturalHeight) / image.naturalWidth));
    const canvas = make("canvas", { width: panels.length * (width + gap) - gap, height: height + line });
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = "#1d2125";
    context.font = "16px sans-serif";
    context.imageSmoothingEnabled = false;
    panels.forEach(([image, text], i) => {
      const left = i * (width + gap);
      context.drawImage(image, left, 0, width, (width * image.naturalHeight) / image.naturalWidth);
      context.fillText(text, left, height + 19, width);
    });
    canvas.toBlob((blob) => save(blob, `${strip.dataset.strip}-strip.png`));
  });
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

// The view of a page is its address: #photo=astronaut&left=Input&right=WESPE&zoom=1
const readAddress = () => new URLSearchParams(location.hash.slice(1));
const writeAddress = (values) => {
  const bare = location.href.split("#")[0];
  history.replaceState(null, "", values ? `${bare}#${new URLSearchParams(values)}` : bare);
};

// Every photo: a list to sort, and a dialog to look into one.
for (const box of document.querySelectorAll("[data-photos]")) {
  const { metrics, methods, pictures, photos } = JSON.parse(box.dataset.photos);
  box.removeAttribute("data-photos");
  const dialog = box.querySelector("dialog");
  const [metric, holder] = ["select", ".scroll"].map((part) => box.querySelector(`:scope > ${part}, :scope > .controls ${part}`));
  const [choices, adding, removing] = ["choices", "add", "remove"].map((s) => dialog.querySelector(`[data-${s}]`));
  const values = dialog.querySelector("table");
  let [order, current] = [photos, photos[0]];
  let chosen = pictures.slice(0, 2).map((_, i) => i);

  const address = () => {
    if (!dialog.open) return;
    const { mode, zoom, x, y } = viewer.view;
    const pairs = [["set", box.dataset.set], ["photo", current.name]];
    chosen.forEach((c, i) => pairs.push([["left", "right"][i] ?? "more", pictures[c]]));
    pairs.push(["zoom", zoom || "fit"], ["mode", mode]);
    if (zoom) pairs.push(["x", x], ["y", y]);
    writeAddress(pairs);
  };
  const viewer = makeViewer(dialog.querySelector("[data-viewer]"), address);
  const layers = (choice) => {
    const [whole, exact] = [current.pictures[choice], current.exact?.[choice]];
    const all = [0, 0, ...current.size];
    const found = [{ uri: whole, box: all, exact: false }];
    if (exact && current.whole) found.push({ uri: exact, box: all, exact: true });
    else if (exact) found.push({ uri: exact, box: current.boxes[0], exact: true, framed: true });
    return found;
  };
  const choose = () => {
    choices.querySelectorAll("label").forEach((label) => label.remove());
    chosen.forEach((choice, i) => {
      const select = make("select", {});
      makeOptions(select, pictures, choice);
      select.addEventListener("change", () => {
        const [before, now] = [chosen[i], Number(select.value)];
        // Two never show the same: the other one takes this one's place.
        chosen = chosen.map((other, k) => (k === i ? now : other === now ? before : other));
        look();
        choices.querySelectorAll("select")[i].focus();
      });
      const title = ["Left", "Right"][i] ?? `Picture ${i + 1}`;
      adding.before(make("label", {}, `${title} `, select));
    });
    adding.disabled = chosen.length >= Math.min(MOST_PANES, pictures.length);
    removing.disabled = chosen.length <= 2;
  };
  const look = () => {
    const at = order.indexOf(current);
    dialog.querySelector("h4").textContent = current.name;
    dialog.querySelector("[data-place]").textContent = `${at + 1} of ${order.length}`;
    dialog.querySelector("[data-step='-1']").disabled = at === 0;
    dialog.querySelector("[data-step='1']").disabled = at === order.length - 1;
    if (document.activeElement.disabled) dialog.querySelector("h4").focus();
    const there = chosen.filter((c) => current.pictures[c]);
    dialog.classList.toggle("without", !there.length);
    choose();
    if (there.length) {
      viewer.show(current, there.map((c) => ({ name: pictures[c], layers: layers(c) })));
    }
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
    address();
  };
  const open = (photo) => {
    // In the order in which the list stands now.
    if (holder) order = [...holder.querySelectorAll("tbody tr")].map((row) => photos[row.dataset.photo]);
    current = photo;
    if (!dialog.open) dialog.showModal();
    look();
  };
  const step = (by) => {
    const next = order[order.indexOf(current) + by];
    if (next) {
      current = next;
      look();
    }
  };
  // The share of pairs of methods that pairs of metrics order differently.
  const rating = metrics.flatMap((of, k) => (of.arrow ? [[k, of.arrow === "↓" ? -1 : 1]] : []));
  const disagreement = (values) => {
    let [apart, all] = [0, 0];
    for (let a = 0; a < methods.length; a += 1) {
      for (let b = 0; b < a; b += 1) {
        const signs = rating
          .map(([k, sign]) => sign * Math.sign(Number(values[a][k]) - Number(values[b][k])))
          .filter(Boolean);
        const up = signs.filter((sign) => sign > 0).length;
        apart += up * (signs.length - up);
        all += (signs.length * (signs.length - 1)) / 2;
      }
    }
    return all ? apart / all : null;
  };
  const disagreements = photos.map((photo) => disagreement(photo.values));
  const many = disagreements.some((share) => share !== null);
  const list = () => {
    const chosen = metrics[metric.value];
    const heads = ["Photo", ...methods, ...(many ? ["Disagreement"] : [])].map((name, i) => {
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
      if (many) {
        const share = disagreements[i];
        const cell = make("td", { className: "number", textContent: share === null ? "–" : `${(100 * share).toFixed(0)}%` });
        cell.dataset.sort = share ?? "";
        cells.push(cell);
      }
      const row = make("tr", {}, head, ...cells);
      row.dataset.photo = i;
      return row;
    });
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
    makeSortable(table);
    holder.replaceChildren(table);
  };

  const restore = () => {
    const asked = readAddress();
    const photo = photos.find((each) => each.name === asked.get("photo"));
    if (!photo || (asked.get("set") ?? box.dataset.set) !== box.dataset.set) return;
    const wanted = [asked.get("left"), asked.get("right"), ...asked.getAll("more")];
    const found = new Set(wanted.map((name) => pictures.indexOf(name)).filter((i) => i >= 0));
    chosen = [...new Set([...found, ...chosen])].slice(0, Math.max(2, Math.min(found.size, MOST_PANES)));
    const share = (name) => Math.min(1, Math.max(0, Number(asked.get(name) ?? 0.5) || 0));
    const zoom = ZOOMS.includes(Number(asked.get("zoom"))) ? Number(asked.get("zoom")) : 0;
    open(photo);
    viewer.change({ mode: asked.get("mode"), zoom, x: share("x"), y: share("y") });
  };

  values.tHead.rows[0].append(
    ...metrics.map((of) => make("th", { scope: "col", className: "number", textContent: columnName(of) })),
  );
  adding.addEventListener("click", () => {
    chosen.push(pictures.findIndex((_, i) => !chosen.includes(i)));
    look();
  });
  removing.addEventListener("click", () => {
    chosen.pop();
    look();
  });
  dialog.querySelectorAll("[data-step]").forEach((button) => {
    button.addEventListener("click", () => step(Number(button.dataset.step)));
  });
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => writeAddress(null));
  dialog.addEventListener("keydown", (event) => {
    if (event.target.tagName === "SELECT") return;
    const typed = event.target.tagName === "INPUT" && event.key.startsWith("Arrow");
    if (typed) return;
    if (viewer.key(event)) event.preventDefault();
    else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      event.preventDefault();
      step(event.key === "ArrowLeft" ? -1 : 1);
    }
  });
  addEventListener("hashchange", restore);
  if (holder) {
    makeOptions(metric, metrics.map(columnName), 0);
    metric.addEventListener("change", list);
    list();
  }
  restore();
}
