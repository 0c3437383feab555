"""Training: what surrounds a loop, its state on disk, its curves, device and processes."""
