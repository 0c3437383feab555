"""The metrics, one file each: what it is, the paper, the formula, the function, the record."""
