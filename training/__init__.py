"""Fine-tuning: batches of graphs with questions, transformers' Trainer, and a probe that watches collapse."""
