"""WESPE: weakly supervised photo enhancer for digital cameras (Ignatov et al., CVPRW 2018)."""
