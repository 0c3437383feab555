"""The paper as a plan of verbs: what it takes, what is there, how long the rest is, running it.

Models and renderers are names here, as everywhere in the harness.
"""
