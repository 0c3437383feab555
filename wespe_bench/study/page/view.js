"use strict";

// Where the photos stand in their panes: plain arithmetic, no pixels.
//
// A view is {x, y, zoom}. (x, y) is the point of the photo, as fractions of its width and height,
// at the pane's centre; zoom 1 fits the photo into the pane. One view serves both panes, so that
// photos of unequal size still show the same place. A pane is {width, height} in device pixels.

const PIXEL_LARGEST = 8; // device pixels a photo's pixel takes at most
const PIXEL_FITTED = 4; // and when a small photo is fitted into a large pane

const FITTED = Object.freeze({ x: 0.5, y: 0.5, zoom: 1 });

const fitScale = (pane, size) =>
  Math.min(pane.width / size.width, pane.height / size.height, PIXEL_FITTED);

const zoomRange = (pane, size) => {
  const fit = fitScale(pane, size);
  return [Math.min(1, 1 / fit), Math.max(1, PIXEL_LARGEST / fit)];
};

const between = ([low, high], value) => Math.min(Math.max(value, low), high);

// The photo covers the pane; where it is smaller, it is centred.
const clampView = (view, pane, size) => {
  const zoom = between(zoomRange(pane, size), view.zoom);
  const scale = fitScale(pane, size) * zoom;
  const clampAxis = (value, length, whole) => {
    const half = length / (2 * scale * whole);
    return half >= 0.5 ? 0.5 : between([half, 1 - half], value);
  };
  return {
    x: clampAxis(view.x, pane.width, size.width),
    y: clampAxis(view.y, pane.height, size.height),
    zoom,
  };
};

// Zoomed by `factor`, with what stood at `from` now at `to`; both from the pane's centre in device
// pixels.
const carryView = (view, factor, from, to, pane, size) => {
  const fit = fitScale(pane, size);
  const zoom = between(zoomRange(pane, size), view.zoom * factor);
  const carry = (axis) => from[axis] / (fit * view.zoom) - to[axis] / (fit * zoom);
  const carried = {
    x: view.x + carry("x") / size.width,
    y: view.y + carry("y") / size.height,
    zoom,
  };
  return clampView(carried, pane, size);
};

// From one view to another, `part` of the way: the zoom evenly in its logarithm, and the place so
// that a point which both ends show at the same spot stays there all the while.
const viewBetween = (from, to, part) => {
  if (part >= 1) return to;
  const zoom = from.zoom * (to.zoom / from.zoom) ** part;
  const turn = 1 / to.zoom - 1 / from.zoom;
  const along = Math.abs(turn) < 1e-9 ? part : (1 / zoom - 1 / from.zoom) / turn;
  return { x: from.x + (to.x - from.x) * along, y: from.y + (to.y - from.y) * along, zoom };
};

// The smallest level that has a pixel for every device pixel; half a pixel short is enough.
const levelFor = (scale, levels) => {
  for (let level = levels.length - 1; level > 0; level -= 1) {
    if (levels[level].width + 0.5 >= scale * levels[0].width) return level;
  }
  return 0;
};

// The tiles of a level that a pane shows: for each its url, its box in device pixels, and how far
// it is from the middle. Boxes end on whole pixels, so neighbours meet without a seam, and at 100% every
// pixel of the photo lies on exactly one of the screen's.
const visibleTiles = (photo, level, view, pane, tile) => {
  const [size, { width, height, columns, rows }] = [photo.levels[0], photo.levels[level]];
  const scale = fitScale(pane, size) * view.zoom;
  const pixel = scale * 2 ** level; // each level's pixel is the mean of four
  const left = Math.round(pane.width / 2 - view.x * size.width * scale);
  const top = Math.round(pane.height / 2 - view.y * size.height * scale);
  const first = (edge) => Math.max(0, Math.floor(-edge / pixel / tile));
  const end = (edge, length, count) => Math.min(count, Math.ceil((length - edge) / pixel / tile));
  const tiles = [];
  for (let row = first(top); row < end(top, pane.height, rows); row += 1) {
    for (let column = first(left); column < end(left, pane.width, columns); column += 1) {
      const x = Math.round(left + column * tile * pixel);
      const y = Math.round(top + row * tile * pixel);
      const right = Math.round(left + Math.min(width, (column + 1) * tile) * pixel);
      const bottom = Math.round(top + Math.min(height, (row + 1) * tile) * pixel);
      tiles.push({
        url: `tiles/${photo.picture}/${level}/${column}_${row}.png`,
        x,
        y,
        width: right - x,
        height: bottom - y,
        far: Math.hypot(x + right - pane.width, y + bottom - pane.height),
      });
    }
  }
  return tiles;
};
