"""The child process that runs inside a toolchain.

Stdlib, numpy, h5py, TensorFlow and Keras only; Python 3.6 syntax; nothing of the orchestrator is
imported. Started as `<toolchain python> <this folder> [--mode eager|graph]`; see protocol.py for
what goes over its standard input and output, operations.py for what it can be asked.
"""
