"""Small models, a layer or a few each, that every Keras of the catalog builds for tests/direct.

The modules of cases are imported on both sides: by the tests, which want the names, and inside the
toolchains, Python 3.6 included, which build them. A case whose layer or argument a Keras does not
know is absent there.
"""
