"""Causal questions in words: graphs, questions, oracles, suites and files. Nothing here imports torch."""
