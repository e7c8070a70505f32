"""From a Keras HDF5 file to a SavedModel, without TensorFlow and without Keras."""
