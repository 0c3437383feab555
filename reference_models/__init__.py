"""Enhancers to compare with: classical ones, adapters to anybody's, trained networks."""
