"""Where work runs: an argument with `map` for independent work and `gang` for one job on several workers."""
