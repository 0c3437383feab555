"""Unpaired global tone matching: the baseline that WESPE, trained on the same photos, must beat."""
