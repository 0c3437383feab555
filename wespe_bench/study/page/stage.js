"use strict";

// The two panes: they draw one view of two photos, and turn gestures into views.

const GLIDE = 160; // ms from one view to the next after a key, a button or the wheel
const WHEEL_SPEED = 0.0022; // of the zoom's logarithm, for each pixel of the wheel
const PINCH_SPEED = 0.01; // a trackpad's pinch arrives as a wheel with the control key
const STEP_ZOOM = 1.5;
const STEP_PAN = 0.15; // of the pane
const SQUARE_FROM = 3; // device pixels a photo's pixel, from where pixels are shown as squares

const CENTRE = Object.freeze({ x: 0, y: 0 });

const lessMotion = matchMedia("(prefers-reduced-motion: reduce)");

// A length in the screen's pixels: the browser's own count, which knows how it rounded. A screen
// that is only emulated has it wrong.
const devicePixels = (length, exact) => {
  const computed = Math.round(length * devicePixelRatio);
  return exact && Math.abs(exact - computed) <= 1 ? exact : computed;
};

class Stage {
  // `shown()` is called once for each pair, when both photos stand complete on screen;
  // `moved(scale)` when the view changed.
  constructor(canvases, tiles, tileSize, { shown, moved }) {
    this.panes = canvases.map((canvas) => ({
      canvas,
      context: canvas.getContext("2d", { alpha: false }),
      width: 0,
      height: 0,
    }));
    this.tiles = tiles;
    this.tileSize = tileSize;
    this.shown = shown;
    this.moved = moved;
    this.photos = null;
    this.coming = [];
    this.complete = false;
    this.view = FITTED;
    this.glide = null;
    this.waiting = false;
    this.surround = "";
    this.fingers = new Map(); // pointer id -> {x, y} from its pane's centre
    this.held = null; // what was seen when the fingers took hold
    const resized = new ResizeObserver((entries) => this.resize(entries));
    for (const pane of this.panes) {
      resized.observe(pane.canvas);
      this.listen(pane.canvas);
    }
  }

  // A pair {left, right}, and the photos to load ahead.
  show(pair, coming) {
    this.photos = [pair.left, pair.right];
    this.coming = coming;
    this.complete = false;
    this.glide = null;
    this.view = FITTED;
    this.grip();
    this.clear();
    this.request();
  }

  // What the rater sees the photos in; kept with the vote.
  get screen() {
    const context = this.panes[0].context;
    context.fillStyle = this.surround;
    const surround = context.fillStyle; // as #rrggbb
    return { surround, width: innerWidth, height: innerHeight, ratio: devicePixelRatio };
  }

  hide() {
    this.photos = null;
    this.tiles.want([]);
  }

  clear() {
    this.surround = getComputedStyle(this.panes[0].canvas).backgroundColor;
    for (const pane of this.panes) this.wipe(pane);
  }

  wipe({ canvas, context }) {
    context.fillStyle = this.surround;
    context.fillRect(0, 0, canvas.width, canvas.height);
  }

  resize(entries) {
    for (const entry of entries) {
      const pane = this.panes.find(({ canvas }) => canvas === entry.target);
      const exact = entry.devicePixelContentBoxSize && entry.devicePixelContentBoxSize[0];
      pane.width = devicePixels(entry.contentRect.width, exact && exact.inlineSize);
      pane.height = devicePixels(entry.contentRect.height, exact && exact.blockSize);
      if (!pane.width || !pane.height) continue;
      pane.canvas.width = pane.width;
      pane.canvas.height = pane.height;
    }
    this.clear();
    this.draw(performance.now()); // now, or an emptied canvas would flash
  }

  // The photo that decides how far one may zoom: the larger.
  get size() {
    const [left, right] = this.photos.map((photo) => photo.levels[0]);
    return left.width >= right.width ? left : right;
  }

  get scale() {
    return fitScale(this.panes[0], this.size) * this.view.zoom;
  }

  get target() {
    return this.glide ? this.glide.to : this.view;
  }

  move(view, glides) {
    if (glides && !lessMotion.matches) {
      this.glide = { from: this.view, to: view, start: performance.now() };
    } else {
      this.glide = null;
      this.view = view;
    }
    this.request();
  }

  carry(view, factor, from, to, glides) {
    if (!this.photos) return;
    this.move(carryView(view, factor, from, to, this.panes[0], this.size), glides);
  }

  zoom(factor, point = CENTRE, glides = true) {
    this.carry(this.target, factor, point, point, glides);
  }

  zoomStep(direction) {
    this.zoom(STEP_ZOOM ** direction);
  }

  panStep(across, down) {
    const { width, height } = this.panes[0];
    const to = { x: -across * STEP_PAN * width, y: -down * STEP_PAN * height };
    this.carry(this.target, 1, CENTRE, to, true);
  }

  fit() {
    if (this.photos) this.move(FITTED, true);
  }

  // One pixel of the photo for each of the screen's.
  full(point) {
    if (this.photos) this.zoom(1 / (fitScale(this.panes[0], this.size) * this.target.zoom), point);
  }

  request() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame((now) => {
      this.waiting = false;
      this.draw(now);
    });
  }

  draw(now) {
    if (!this.photos || !this.panes.every((pane) => pane.width && pane.height)) return;
    if (this.glide) {
      const part = between([0, 1], (now - this.glide.start) / GLIDE);
      this.view = viewBetween(this.glide.from, this.glide.to, 1 - (1 - part) ** 3);
      if (part >= 1) this.glide = null;
      else this.request();
    }
    // A resized pane may show less or more than the view was made for.
    if (!this.glide) this.view = clampView(this.view, this.panes[0], this.size);
    const seen = (photos, view) =>
      photos.map((photo, side) => this.layers(photo, this.panes[side % 2], view));
    const sides = seen(this.photos, this.view);
    const ready = sides.every((layers) => layers[0].every(({ url }) => this.tiles.has(url)));
    // What a glide only passes is not loaded; the next pair is once this one stands.
    const soon = firstThingsFirst(seen(this.photos, this.target));
    const later = ready ? firstThingsFirst(seen(this.coming, FITTED)) : [];
    this.tiles.want(soon.concat(later));
    // Neither photo is seen before the other, and none in pieces.
    if (!this.complete && !ready) return;
    sides.forEach((layers, side) => this.paint(this.panes[side], layers));
    this.moved(this.scale);
    if (!this.complete) {
      this.complete = true;
      this.shown();
    }
  }

  // The visible tiles of the level that fits the zoom, and of the coarsest, which fills its gaps.
  layers(photo, pane, view) {
    const scale = fitScale(pane, photo.levels[0]) * view.zoom;
    const fine = levelFor(scale, photo.levels);
    const coarse = photo.levels.length - 1;
    const levels = [];
    for (let level = fine; level <= coarse; level += 1) {
      levels.push(visibleTiles(photo, level, view, pane, this.tileSize));
    }
    levels.square = scale >= SQUARE_FROM;
    return levels;
  }

  paint(pane, layers) {
    const { context } = pane;
    this.wipe(pane);
    context.imageSmoothingEnabled = !layers.square;
    // Between half and full size this is the sharpest; "high" mixes in the level half as large.
    context.imageSmoothingQuality = "low";
    const whole = layers.findIndex((tiles) => tiles.every(({ url }) => this.tiles.has(url)));
    const from = whole < 0 ? layers.length - 1 : whole;
    for (let level = from; level >= 0; level -= 1) {
      for (const { url, x, y, width, height } of layers[level]) {
        const bitmap = this.tiles.get(url);
        if (bitmap) context.drawImage(bitmap, x, y, width, height);
      }
    }
  }

  listen(canvas) {
    // From the pane's centre, in device pixels.
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return {
        x: (event.clientX - box.left - box.width / 2) * devicePixelRatio,
        y: (event.clientY - box.top - box.height / 2) * devicePixelRatio,
      };
    };
    canvas.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        const pixels = event.deltaY * [1, 16, 400][event.deltaMode];
        const speed = event.ctrlKey ? PINCH_SPEED : WHEEL_SPEED;
        if (!this.held) this.zoom(Math.exp(-between([-300, 300], pixels) * speed), place(event));
      },
      { passive: false },
    );
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.fingers.set(event.pointerId, place(event));
      this.grip();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.fingers.has(event.pointerId)) return;
      this.fingers.set(event.pointerId, place(event));
      this.drag();
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(end, (event) => {
        if (this.fingers.delete(event.pointerId)) this.grip();
      });
    }
    canvas.addEventListener("dblclick", (event) => {
      if (this.target.zoom > 1.01) this.fit();
      else this.full(place(event));
    });
  }

  // The fingers' middle, and how far they are apart: 0 for one.
  get middle() {
    const [one, two = one] = this.fingers.values();
    const apart = Math.hypot(one.x - two.x, one.y - two.y);
    return { x: (one.x + two.x) / 2, y: (one.y + two.y) / 2, apart };
  }

  grip() {
    this.held = this.fingers.size ? { view: this.view, middle: this.middle } : null;
  }

  // One finger moves the photo; two also zoom about their middle, in whichever pane each is.
  // Reckoned from where they took hold, so that no way there leads elsewhere.
  drag() {
    const { view, middle } = this.held;
    const now = this.middle;
    this.carry(view, middle.apart ? now.apart / middle.apart : 1, middle, now, false);
  }
}

// The urls to load: the coarsest tiles of both photos, then the level in view, nearest the middle
// first. What lies between is drawn if it is there, and not asked for.
const firstThingsFirst = (sides) => {
  const tiles = (level) => sides.flatMap((layers) => layers.at(level));
  const ordered = [...tiles(-1), ...tiles(0).sort((one, two) => one.far - two.far)];
  return [...new Set(ordered.map(({ url }) => url))];
};
