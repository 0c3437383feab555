"""Published networks to compare with: our own code, the weights that their authors released."""
