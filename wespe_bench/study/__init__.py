"""The user study: people choose between pairs of pictures, in a browser.

`build` makes the folder, `serve` asks and stores, `importing` merges what a static copy of the
page gave its raters to download, `votes.load_votes` hands out the rows.
"""
