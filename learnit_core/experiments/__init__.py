"""One file for each experiment of the paper: what notebooks, shipped weights, results and tests all import."""
