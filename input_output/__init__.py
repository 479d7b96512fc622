"""Reading, writing and refusing: what every room may import, and which imports none of them."""
