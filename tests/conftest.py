"""The environment of all tests (see local/environment.py), and how many examples Hypothesis makes of each."""

from hypothesis import settings

from local import environment

settings.register_profile("short", deadline=None, max_examples=100)
settings.register_profile("long", deadline=None, max_examples=1000)
settings.load_profile("short")

environment.enter()
