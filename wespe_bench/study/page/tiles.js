"use strict";

// The decoded tiles: fetched as they are wanted, at most `limit` kept, the longest unused go first.

const TILES_AT_ONCE = 4; // browsers open six connections to a host; votes must find one free
const TILE_RETRY_LONGEST = 8000; // ms

// On file:// there is no fetch; elsewhere it decodes away from the page and can be called off.
const loadTile =
  location.protocol === "file:"
    ? async (url) => {
        const image = new Image();
        image.src = url;
        await image.decode();
        return createImageBitmap(image);
      }
    : async (url, signal) => {
        const reply = await fetch(url, { signal, credentials: "omit" });
        if (!reply.ok) throw new Error(`${url}: ${reply.status}`);
        return createImageBitmap(await reply.blob());
      };

class Tiles {
  // `arrived()` is called after each tile, `troubled(bool)` when loading starts or ceases to fail.
  constructor(limit, arrived, troubled) {
    this.limit = limit;
    this.arrived = arrived;
    this.troubled = troubled;
    this.kept = new Map(); // url -> ImageBitmap, the longest unused first
    this.wanted = [];
    this.loading = new Map(); // url -> AbortController
    this.faults = new Map(); // url -> how often it failed
    this.resting = new Set(); // failed, and waiting to be tried again
    addEventListener("online", () => this.retry());
  }

  get(url) {
    const bitmap = this.kept.get(url);
    if (bitmap) {
      this.kept.delete(url);
      this.kept.set(url, bitmap);
    }
    return bitmap;
  }

  has(url) {
    return this.kept.has(url);
  }

  // From now on these, in this order; what is under way and no longer wanted is called off.
  want(urls) {
    this.wanted = urls;
    const still = new Set(urls);
    for (const [url, controller] of this.loading) {
      if (!still.has(url)) {
        controller.abort();
        this.loading.delete(url);
      }
    }
    for (const url of this.faults.keys()) {
      if (!still.has(url)) this.faults.delete(url);
    }
    this.tell();
    this.fetchNext();
  }

  retry() {
    this.resting.clear();
    this.fetchNext();
  }

  fetchNext() {
    for (const url of this.wanted) {
      if (this.loading.size >= TILES_AT_ONCE) return;
      if (this.kept.has(url) || this.loading.has(url) || this.resting.has(url)) continue;
      this.load(url);
    }
  }

  async load(url) {
    const controller = new AbortController();
    this.loading.set(url, controller);
    try {
      const bitmap = await loadTile(url, controller.signal);
      if (this.loading.get(url) !== controller) {
        bitmap.close();
        return;
      }
      this.loading.delete(url);
      this.faults.delete(url);
      this.kept.set(url, bitmap);
      this.forget();
      this.arrived();
    } catch {
      if (this.loading.get(url) !== controller) return; // called off
      this.loading.delete(url);
      const faults = (this.faults.get(url) || 0) + 1;
      this.faults.set(url, faults);
      this.resting.add(url);
      const rest = Math.min(TILE_RETRY_LONGEST, 250 * 2 ** faults);
      setTimeout(() => {
        this.resting.delete(url);
        this.fetchNext();
      }, rest);
    }
    this.tell();
    this.fetchNext();
  }

  // What is on screen is never forgotten, however small the limit.
  forget() {
    const limit = Math.max(this.limit, 2 * this.wanted.length);
    for (const [url, bitmap] of this.kept) {
      if (this.kept.size <= limit) return;
      this.kept.delete(url);
      bitmap.close();
    }
  }

  // One fault may be a hiccup; two of the same tile are worth a line.
  tell() {
    this.troubled([...this.faults.values()].some((faults) => faults > 1));
  }
}
