"""Fine-tuning: batches of graphs with questions, transformers' Trainer, and a probe that watches collapse."""

import models  # noqa: F401  first of all: it quiets bitsandbytes, which peft imports
