"""What the data give away, and how close they come to the published ones. Nothing here imports torch."""
