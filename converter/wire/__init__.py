"""The messages of TensorFlow and TensorFlow Serving, under a private protobuf package.

Field names and numbers are those of the public protocol, so the bytes are the same; the package
`convert_h5.wire` lets them live beside an installed TensorFlow. The `*_pb2` modules are generated
by `scripts/protos.py`.
"""
