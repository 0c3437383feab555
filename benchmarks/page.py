"""How soon a report of 100 photos by 12 methods can be used: headless Chromium, wide and narrow,
both themes.

    uv run benchmarks/page.py --chromium /usr/bin/chromium

Makes runs of the classical methods and tone curves on crops of packaged photos taken by a simulated
camera, writes the page, opens it from disk, and prints its size, the browser's time to interactive
and to loaded, the main thread's own time (which other work on the machine does not lengthen), the
time until the viewer shows the first pair of pictures, the page's memory, and every message on the
console. ``--page`` takes a page that is there. Without --chromium it is playwright's own browser.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from reports.page import write_report
from wespe_bench import enhance, load_dataset, score
from wespe_bench.datasets.local_camera import CAMERAS
from wespe_bench.images import read_rgb, write_png

METHODS = (
    *("identity", "auto_levels", "equalize", "clahe", "grey_world", "shades_of_grey", "auto_gamma"),
    *("retinex", "unsharp", "ape_like", "tone:demo", "gamma.py:enhance"),
)
TIMES = "() => {const n = performance.getEntriesByType('navigation')[0]; " + (
    "return [n.domInteractive, n.loadEventEnd]}"
)


def main(chromium: str | None, photos: int, page: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = page or make_page(Path(folder), photos)
        beside = sum(f.stat().st_size for f in target.with_name("report_files").rglob("*.png"))
        print(f"{target.stat().st_size / 1e6:.2f} MB, {beside / 1e6:.0f} MB of pictures beside it")
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
        name = f"photo{number:03d}"
        write_png(folder / "truth" / f"{name}.png", crop)
        taken = folder / "photos" / f"{name}.jpg"
        taken.parent.mkdir(exist_ok=True)
        taken.write_bytes(CAMERAS["local"]().photograph(crop, name))
    dataset = load_dataset(
        "folder", input=str(folder / "photos"), reference=str(folder / "truth"), name="photos"
    )
    own = folder / "gamma.py"
    own.write_text("def enhance(image): return (image / 255) ** 0.8\n")
    for number, method in enumerate(METHODS):
        spec = method.replace("gamma.py", str(own))
        run = enhance(spec, dataset, out=folder / "runs" / str(number), label=method, quiet=True)
        score(run, ["psnr", "ssim", "ms_ssim", "entropy", "bpp"], quiet=True)
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
                begun = time.perf_counter()
                tab.locator(".look tbody button").first.click()
                pixels = tab.locator("dialog [data-status]", has_text="the pixels that were scored")
                tab.get_by_role("button", name="100%", exact=True).click()
                pixels.wait_for()
                opened = time.perf_counter() - begun
                heap = devtools.send("Runtime.getHeapUsage")["usedSize"]
                tab.keyboard.press("Escape")
                wide = tab.evaluate("() => document.documentElement.scrollWidth") - width
                print(
                    f"{theme:5} {width:4} px: interactive {interactive:.0f} ms, loaded "
                    f"{loaded:.0f} ms, main thread {1000 * spent['TaskDuration']:.0f} ms, a pair "
                    f"at 100% after {1000 * opened:.0f} ms, heap {heap / 1e6:.0f} MB; "
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
