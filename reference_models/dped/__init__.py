"""DPED: the supervised photo enhancer WESPE is compared with (Ignatov et al., ICCV 2017)."""
