"""How soon a report of 100 photos can be used: headless Chromium, wide and narrow, both themes.

    uv run --with playwright benchmarks/page.py --chromium /usr/bin/chromium

Makes runs of seven methods on 100 photos (crops of packaged ones), writes the page, opens it from
disk, and prints its size, the browser's time to interactive and to loaded, the main thread's
own time (which other work on the machine does not lengthen), and every message on the console.
Without --chromium playwright's own browser is taken.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from reports.page import write_report
from wespe_bench import enhance, load_dataset, score
from wespe_bench.images import read_rgb, write_png

METHODS = ("identity", "auto_levels", "equalize", "clahe", "grey_world", "unsharp", "auto_gamma")
TIMES = "() => {const n = performance.getEntriesByType('navigation')[0]; " + (
    "return [n.domInteractive, n.loadEventEnd]}"
)


def main(chromium: str | None, photos: int, page: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = page or make_page(Path(folder), photos)
        print(f"{target.stat().st_size / 1e6:.2f} MB, {photos} photos, {len(METHODS)} methods")
        look(target.absolute(), chromium)


def make_page(folder: Path, photos: int) -> Path:
    """The page of ``photos`` 480x360 crops and all methods."""
    sources = [
        read_rgb(sample.reference or sample.path) for sample in load_dataset("samples").samples
    ]
    rng = np.random.default_rng(0)
    for number in range(photos):
        photo = sources[number % len(sources)]
        top = rng.integers(0, photo.shape[0] - min(360, photo.shape[0]) + 1)
        left = rng.integers(0, photo.shape[1] - min(480, photo.shape[1]) + 1)
        crop = photo[top : top + 360, left : left + 480]
        write_png(folder / "photos" / f"photo{number:03d}.png", crop)
    dataset = load_dataset("folder", input=str(folder / "photos"), name="photos")
    for method in METHODS:
        run = enhance(method, dataset, out=folder / "runs" / method, label=method, quiet=True)
        score(run, ["entropy", "entropy_rgb"], quiet=True)
    return write_report(folder / "runs")[0][1]


def look(page: Path, chromium: str | None) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for theme in ("light", "dark"):
            for width in (1280, 390):
                context = browser.new_context(
                    viewport={"width": width, "height": 900}, color_scheme=theme
                )
                tab = context.new_page()
                said: list[str] = []
                tab.on("console", lambda message, to=said: to.append(message.text))
                tab.on("pageerror", lambda error, to=said: to.append(str(error)))
                devtools = context.new_cdp_session(tab)
                devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
                tab.goto(page.as_uri())
                interactive, loaded = tab.evaluate(TIMES)
                metrics = devtools.send("Performance.getMetrics")["metrics"]
                spent = {metric["name"]: metric["value"] for metric in metrics}
                tab.locator(".look button.open").first.focus()
                tab.keyboard.press("Enter")
                tab.keyboard.press("ArrowRight")
                tab.locator("dialog [data-difference]").check()
                tab.locator("dialog canvas").wait_for()
                tab.keyboard.press("Escape")
                wide = tab.evaluate("() => document.documentElement.scrollWidth") - width
                print(
                    f"{theme:5} {width:4} px: interactive {interactive:.0f} ms, loaded "
                    f"{loaded:.0f} ms, main thread {1000 * spent['TaskDuration']:.0f} ms; "
                    f"{max(0, wide)} px too wide; console: {said or 'silent'}"
                )
                context.close()
        browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chromium", help="the browser's program")
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--page", type=Path, help="a page that is there already")
    options = parser.parse_args()
    main(options.chromium, options.photos, options.page)
