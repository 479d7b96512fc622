"""What the data give away, and how close they come to the published ones. Only `verify`, which draws training sets again, imports torch."""
