"""The verbs ``data ...``: what is done to data sets before anything is enhanced or scored."""
