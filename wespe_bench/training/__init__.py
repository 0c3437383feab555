"""Training: the session around a loop, its state on disk, its curves, device and processes."""
