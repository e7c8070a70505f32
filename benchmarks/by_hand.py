"""What people write by hand to convert an .h5 in TensorFlow 1.x: the yardstick of overhead.py.

Runs inside a toolchain: by_hand.py MODEL.h5 FOLDER
"""

import sys

import tensorflow as tf

tf.keras.backend.set_learning_phase(0)
model = tf.keras.models.load_model(sys.argv[1])
builder = tf.compat.v1.saved_model.builder.SavedModelBuilder(sys.argv[2])
signature = tf.compat.v1.saved_model.signature_def_utils.predict_signature_def(
    inputs={"image": model.input}, outputs={"scores": model.output}
)
builder.add_meta_graph_and_variables(
    tf.compat.v1.keras.backend.get_session(),
    ["serve"],
    signature_def_map={"serving_default": signature},
)
builder.save()
