"""The pages of the documentation that are made from the code: `python -m docs`, or `make docs`."""
