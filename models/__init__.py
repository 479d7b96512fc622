"""Language models: loading, prompts, and answering several questions on one graph in one pass."""
