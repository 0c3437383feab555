// Looks into the pictures of one photo: side by side, split by a slider, in turn, as a difference.
// One canvas holds all panes and one zoom and place apply to each of them. Nothing reads pixels
// back, so pictures of a page that was opened from disk can be shown, and subtracted, as well.
const ZOOMS = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16];
const MODES = ["side", "slider", "flicker", "difference"];
const MOST_PANES = 6;

const makeViewer = (root, changed) => {
  const part = (name) => root.querySelector(`[data-${name}]`);
  const [canvas, labels, status, split, gain] = ["canvas", "labels", "status", "split", "gain"].map(part);
  const context = canvas.getContext("2d", { alpha: false });
  // A zoom of 0 fits the photo into its pane; x and y are the middle, as shares of the photo.
  const view = { mode: "side", zoom: 0, x: 0.5, y: 0.5, flipped: 0 };
  let photo = { size: [1, 1], boxes: [] };
  let shown = []; // {name, layers: [{uri, box, exact}]}
  let images = new Map();
  let asked = 0;

  const load = (uri) => {
    if (!images.has(uri)) {
      const image = new Image();
      image.addEventListener("load", redraw);
      image.addEventListener("error", () => {
        image.dataset.failed = "";
        redraw();
      });
      image.src = uri;
      images.set(uri, image);
    }
    return images.get(uri);
  };
  const ready = (layer) => {
    const image = load(layer.uri);
    return image.complete && image.naturalWidth > 0;
  };

  // The panes as (left, top, width, height) in pixels of the screen.
  const panes = () => {
    const [wide, tall] = [canvas.width, canvas.height];
    if (view.mode !== "side") return [[0, 0, wide, tall]];
    const count = shown.length;
    const scale = (columns) =>
      Math.min(wide / columns / photo.size[0], tall / Math.ceil(count / columns) / photo.size[1]);
    let columns = 1;
    for (let c = 2; c <= count; c += 1) if (scale(c) >= scale(columns)) columns = c;
    const rows = Math.ceil(count / columns);
    const edge = (i, of, length) => Math.round((i * length) / of);
    return shown.map((_, i) => {
      const [c, r] = [i % columns, Math.floor(i / columns)];
      const [left, top] = [edge(c, columns, wide) + (c > 0), edge(r, rows, tall) + (r > 0)];
      return [left, top, edge(c + 1, columns, wide) - left, edge(r + 1, rows, tall) - top];
    });
  };
  const scaleNow = ([, , wide, tall] = panes()[0]) => {
    if (view.zoom) return view.zoom;
    const fit = Math.min(wide / photo.size[0], tall / photo.size[1]);
    return fit < 1 ? fit : Math.min(8, Math.floor(fit));
  };
  const clamp = () => {
    const [, , wide, tall] = panes()[0];
    const scale = scaleNow();
    const inside = (at, pane, length) => {
      const half = pane / 2 / (length * scale);
      const found = half >= 0.5 ? 0.5 : Math.min(1 - half, Math.max(half, at));
      return Number(found.toFixed(6)); // as an address has it
    };
    view.x = inside(view.x, wide, photo.size[0]);
    view.y = inside(view.y, tall, photo.size[1]);
  };

  const paint = (picture, pane, scale) => {
    const [left, top, wide, tall] = pane;
    const x0 = left + Math.round(wide / 2 - view.x * photo.size[0] * scale);
    const y0 = top + Math.round(tall / 2 - view.y * photo.size[1] * scale);
    const drawn = picture.layers.filter(ready);
    const exact = drawn.find((layer) => layer.exact);
    for (const layer of drawn) {
      const [x, y, w, h] = layer.box.map((side) => side * scale);
      context.save();
      if (exact && layer !== exact) {
        // Nothing is drawn twice, or a difference would be taken twice.
        const [ex, ey, ew, eh] = exact.box.map((side) => side * scale);
        context.beginPath();
        context.rect(x0, y0, w, h);
        context.rect(x0 + ex, y0 + ey, ew, eh);
        context.clip("evenodd");
      }
      // Pixels at 100% and above are squares; anything smaller, or a small copy, is smoothed.
      context.imageSmoothingEnabled = scale < 1 || !layer.exact;
      context.imageSmoothingQuality = "high";
      context.drawImage(load(layer.uri), x0 + x, y0 + y, w, h);
      context.restore();
      if (layer.framed && view.mode !== "difference") {
        context.strokeStyle = "#ffcf33";
        context.strokeRect(Math.round(x0 + x) - 0.5, Math.round(y0 + y) - 0.5, Math.round(w) + 1, Math.round(h) + 1);
      }
    }
  };
  const inside = ([left, top, wide, tall], draw) => {
    context.save();
    context.beginPath();
    context.rect(left, top, wide, tall);
    context.clip();
    draw();
    context.restore();
  };
  const draw = () => {
    asked = 0;
    if (!canvas.width || !shown.length) return;
    clamp();
    const all = panes();
    const scale = scaleNow(all[0]);
    const [left, right] = [shown[0], shown[1] ?? shown[0]];
    context.globalCompositeOperation = "source-over";
    context.fillStyle = view.mode === "difference" ? "#000" : "#777";
    context.fillRect(0, 0, canvas.width, canvas.height);
    let tags = [];
    if (view.mode === "side") {
      all.forEach((pane, i) => inside(pane, () => paint(shown[i], pane, scale)));
      tags = shown.map((picture, i) => [picture.name, all[i][0], all[i][1]]);
    } else if (view.mode === "flicker") {
      const one = shown[view.flipped % shown.length];
      paint(one, all[0], scale);
      tags = [[one.name, 0, 0]];
    } else if (view.mode === "slider") {
      const [, , wide, tall] = all[0];
      const cut = Math.round((wide * split.value) / 100);
      inside([0, 0, cut, tall], () => paint(left, all[0], scale));
      inside([cut, 0, wide - cut, tall], () => paint(right, all[0], scale));
      context.fillStyle = "#fff";
      context.fillRect(cut - 1, 0, 2, tall);
      tags = [[left.name, 0, 0], [right.name, null, 0]];
    } else {
      paint(left, all[0], scale);
      context.globalCompositeOperation = "difference";
      paint(right, all[0], scale);
      // Each drawing of the canvas onto itself doubles its levels, up to 255.
      context.globalCompositeOperation = "lighter";
      for (let times = 1; times < Number(gain.value); times *= 2) context.drawImage(canvas, 0, 0);
      tags = [[`|${left.name} − ${right.name}|`, 0, 0]];
    }
    tell(tags, scale);
  };
  const redraw = () => {
    asked = asked || requestAnimationFrame(draw);
  };

  const source = () => {
    const used = view.mode === "side" || view.mode === "flicker" ? shown : shown.slice(0, 2);
    const exact = used.map((picture) => picture.layers.find((layer) => layer.exact));
    if (exact.some((layer) => layer && "failed" in load(layer.uri).dataset)) {
      return "small copies: the folder of pictures is not beside this page";
    }
    if (exact.some((layer) => layer && !ready(layer))) return "loading";
    if (!exact.every(Boolean)) return "small copies";
    if (exact.some((layer) => layer.framed)) return "the pixels that were scored inside the frame, small copies around it";
    const scaled = exact.some((layer) => load(layer.uri).naturalWidth !== photo.size[0]);
    return scaled ? "the pixels that were scored, some scaled to the first's size" : "the pixels that were scored";
  };
  const tell = (tags, scale) => {
    const ratio = canvas.clientWidth / canvas.width;
    labels.replaceChildren(
      ...tags.map(([name, left, top]) => {
        const tag = make("span", { className: "tag", textContent: name });
        tag.style.top = `${top * ratio + 8}px`;
        if (left === null) tag.style.right = "8px";
        else tag.style.left = `${left * ratio + 8}px`;
        return tag;
      }),
    );
    const names = tags.map(([name]) => name).join(", ");
    const percent = `${Math.round(scale * 1000) / 10}%`;
    const text = `${names}: ${percent}, ${source()}`;
    if (status.textContent !== text) status.textContent = text;
    canvas.setAttribute("aria-label", `${photo.name}: ${names}, at ${percent}`);
    root.querySelectorAll("[data-mode]").forEach((b) => b.setAttribute("aria-pressed", b.dataset.mode === view.mode));
    root.querySelectorAll("[data-zoom]").forEach((b) => {
      if (Number(b.dataset.zoom) >= 0) b.setAttribute("aria-pressed", Number(b.dataset.zoom) === view.zoom);
    });
    root.querySelectorAll("[data-only]").forEach((each) => (each.hidden = each.dataset.only !== view.mode));
    part("most").textContent = `${Math.ceil(255 / gain.value)} levels${gain.value === "1" ? "" : " and more"}`;
  };

  const change = (values) => {
    Object.assign(view, values);
    if (!MODES.includes(view.mode)) view.mode = "side";
    if (canvas.width) clamp();
    redraw();
    changed();
  };
  // By `by` steps; the point (x, y) of the screen, from the middle of its pane, stays where it is.
  const zoomBy = (by, x = 0, y = 0) => {
    const before = scaleNow();
    const next = by > 0 ? ZOOMS.find((z) => z > before) : ZOOMS.findLast((z) => z < before);
    if (!next) return;
    const gained = 1 / before - 1 / next;
    change({ zoom: next, x: view.x + (x * gained) / photo.size[0], y: view.y + (y * gained) / photo.size[1] });
  };
  const moveBy = (x, y) => {
    const scale = scaleNow();
    change({ x: view.x + x / (scale * photo.size[0]), y: view.y + y / (scale * photo.size[1]) });
  };
  const goTo = ([x, y, w, h]) => {
    const [, , wide, tall] = panes()[0];
    const zoom = ZOOMS.findLast((z) => z <= Math.max(1, Math.min(wide / w, tall / h, 8)));
    change({ zoom, x: (x + w / 2) / photo.size[0], y: (y + h / 2) / photo.size[1] });
  };
  const flip = () => {
    if (view.mode === "flicker") view.flipped = (view.flipped + 1) % shown.length;
    change({ mode: "flicker" });
  };

  // Of the pane below the pointer: where the pointer is from its middle, in pixels of the screen.
  const fromMiddle = (event) => {
    const box = canvas.getBoundingClientRect();
    const ratio = canvas.width / box.width;
    const [x, y] = [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
    const [left, top, wide, tall] =
      panes().find(([l, t, w, h]) => x >= l && y >= t && x < l + w && y < t + h) ?? panes()[0];
    return [x - left - wide / 2, y - top - tall / 2];
  };
  const pointers = new Map();
  let [sliding, apart] = [false, 0];
  const spread = () => {
    const [a, b] = [...pointers.values()];
    return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
  };
  const slideTo = (event) => {
    const box = canvas.getBoundingClientRect();
    split.value = (100 * (event.clientX - box.left)) / box.width;
    redraw();
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event);
    const box = canvas.getBoundingClientRect();
    const away = Math.abs(event.clientX - box.left - (box.width * split.value) / 100);
    sliding = view.mode === "slider" && pointers.size === 1 && away < 24;
    if (pointers.size === 2) apart = spread();
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    pointers.set(event.pointerId, event);
    if (pointers.size === 2) {
      const now = spread();
      if (now > apart * 1.4 || now < apart / 1.4) {
        zoomBy(now > apart ? 1 : -1, ...fromMiddle(event));
        apart = now;
      }
    } else if (sliding) {
      slideTo(event);
    } else {
      const ratio = canvas.width / canvas.clientWidth;
      moveBy((before.clientX - event.clientX) * ratio, (before.clientY - event.clientY) * ratio);
    }
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => pointers.delete(event.pointerId));
  }
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      zoomBy(event.deltaY < 0 ? 1 : -1, ...fromMiddle(event));
    },
    { passive: false },
  );
  const KEYS = {
    "0": () => change({ zoom: 0 }),
    "1": () => change({ zoom: 1 }),
    "2": () => change({ zoom: 2 }),
    "+": () => zoomBy(1),
    "=": () => zoomBy(1),
    "-": () => zoomBy(-1),
    s: () => change({ mode: "side" }),
    l: () => change({ mode: "slider" }),
    d: () => change({ mode: "difference" }),
    f: flip,
  };
  const ARROWS = { ArrowLeft: [-40, 0], ArrowRight: [40, 0], ArrowUp: [0, -40], ArrowDown: [0, 40] };
  const key = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const [act, arrow] = [KEYS[event.key.toLowerCase()], event.target === canvas && ARROWS[event.key]];
    if (arrow) moveBy(...arrow);
    else if (act) act();
    return Boolean(act || arrow);
  };

  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { mode, zoom } = button.dataset;
    if (mode) change({ mode });
    else if (zoom === "in" || zoom === "out") zoomBy(zoom === "in" ? 1 : -1);
    else if (zoom) change({ zoom: Number(zoom) });
    else if ("flip" in button.dataset) flip();
    else if (button.dataset.box) goTo(photo.boxes[button.dataset.box]);
  });
  split.addEventListener("input", redraw);
  gain.addEventListener("change", redraw);
  const size = (entries) => {
    const box = canvas.getBoundingClientRect();
    const [exact] = entries[0].devicePixelContentBoxSize ?? [];
    // What the browser says of the screen's pixels, unless it is emulating another screen.
    const side = (length, said) => {
      const rounded = Math.round(length * devicePixelRatio);
      return Math.abs(said - rounded) <= 1 ? said : rounded;
    };
    canvas.width = side(box.width, exact?.inlineSize);
    canvas.height = side(box.height, exact?.blockSize);
    draw();
  };
  const observer = new ResizeObserver(size);
  try {
    observer.observe(canvas, { box: "device-pixel-content-box" });
  } catch {
    observer.observe(canvas); // Safari
  }

  return {
    view,
    key,
    change,
    // `pictures` are at most six, in the order in which they are shown.
    show: (next, pictures) => {
      if (next !== photo) {
        images = new Map();
        part("boxes").querySelectorAll("button").forEach((button) => button.remove());
        next.boxes.forEach((_, i) => {
          const button = make("button", { type: "button", textContent: i + 1 });
          button.dataset.box = i;
          button.setAttribute("aria-label", `Place ${i + 1} where the pictures differ most`);
          part("boxes").append(button);
        });
      }
      [photo, shown] = [next, pictures];
      view.flipped %= Math.max(1, shown.length);
      if (canvas.width && shown.length) clamp();
      redraw();
    },
  };
};
