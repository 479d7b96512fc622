"""What a run leaves behind: its folder, where it came from, and its mirror in wandb."""
