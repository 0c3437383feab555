"""Scores in, tables and pages out. Code only: nothing is ever written into this folder."""
