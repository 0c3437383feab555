"""From a photo's bytes to samples, and from what it says of its colours to sRGB.

Two libraries decode. Pillow reads everything of 8 bits: its JPEG and PNG samples are what all
published scores rest on, and libvips, OpenImageIO and imagecodecs give the same ones, not faster
by enough to matter. What Pillow cuts to 8 bits or cannot open (16-bit PNG, TIFF of more than 8
bits, AVIF of more than 8 bits) is read by imagecodecs, for TIFF through tifffile: the only one of
the three with wheels for every system that also hands out Little CMS in floating point. Pillow
offers it in 8 bits only.

`read` gives a `Decoded`; `wespe_bench.images.read_rgb` makes it upright sRGB.
"""
