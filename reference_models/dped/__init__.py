"""DPED: the supervised photo enhancer WESPE is compared with (Ignatov et al., ICCV 2017)."""

#: The phones of the DPED data set, by the names its files use.
CAMERAS = ("iphone", "blackberry", "sony")
