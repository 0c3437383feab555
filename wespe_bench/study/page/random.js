"use strict";

// Random ids, and the order and sides of a rater of the static variant.

const randomBytes = (count) => crypto.getRandomValues(new Uint8Array(count));

// Not crypto.randomUUID: a study served on a local network without https lacks it.
const makeUuid = () => {
  const bytes = randomBytes(16);
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
};

// 128 bits, url-safe.
const makeRater = () =>
  btoa(String.fromCharCode(...randomBytes(16)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

const makeSeed = () => new DataView(randomBytes(4).buffer).getUint32(0);

// mulberry32: numbers on [0, 1), the same for the same seed in every browser.
const seeded = (seed) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
};

const shuffled = (count, draw) => {
  const order = Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last -= 1) {
    const other = Math.floor(draw() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
};

// A rater's order of the questions, and for each whether `first` is shown left: in half of them.
const drawOrder = (seed, count) => {
  const draw = seeded(seed);
  const order = shuffled(count, draw);
  const odd = draw() < 0.5 ? 1 : 0;
  const sides = shuffled(count, draw);
  return order.map((index) => ({ index, firstLeft: sides[index] % 2 === odd }));
};
