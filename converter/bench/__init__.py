"""HTTP against gRPC, measured: `convert-h5 bench`.

target → served → inputs → measured (interleaved, every answer checked) → crossover → document

ways.py has the table of what is compared, measure.py how it is timed, docs/benchmarks.md both for
people.
"""
