"""What is measured: each module has a `run`, and `python -m benchmarks NAME` runs it."""
