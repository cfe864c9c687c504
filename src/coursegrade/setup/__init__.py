"""Set-up: build .venv with what this machine can use, and remember what was done."""
