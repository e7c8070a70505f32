"""`tf.contrib.saved_model.save_keras_model`: TensorFlow 1.12 to 1.15, for its own Keras."""

import os


def unsupported(job):
    """tf.contrib went with TensorFlow 2; native Keras models cannot be given to it."""
    if not job.tf.__version__.startswith("1."):
        return "TensorFlow %s has no tf.contrib" % job.tf.__version__
    if job.keras.name != "tf.keras":
        return "tf.contrib.saved_model takes models of tf.keras only, not of %s" % job.keras.name
    if getattr(getattr(job.tf.contrib, "saved_model", None), "save_keras_model", None) is None:
        return "tf.contrib of TensorFlow %s has no save_keras_model" % job.tf.__version__
    for layer in job.model.layers:
        # Its checkpoint refuses dicts whose keys are numbers. Source: measured with 1.15.5.
        if type(layer).__name__ == "TensorFlowOpLayer" and layer.constants:
            return (
                "tf.contrib.saved_model cannot take the constants of the TensorFlowOpLayer %s"
                % (layer.name)
            )
    return None


def write(job, folder):
    """Its keys are `input_names` and `output_names` of the model."""
    job.tf.contrib.saved_model.save_keras_model(job.model, folder)
    _lift_timestamp(folder)
    return {
        "inputs": dict(zip(job.model.input_names, job.contract.inputs)),
        "outputs": dict(zip(job.model.output_names, job.contract.outputs)),
    }


def _lift_timestamp(folder):
    """Up to TensorFlow 1.13 the SavedModel is in a sub-folder named by the time; move it up."""
    if os.path.exists(os.path.join(folder, "saved_model.pb")):
        return
    (stamped,) = os.listdir(folder)
    inner = os.path.join(folder, stamped)
    for name in os.listdir(inner):
        os.rename(os.path.join(inner, name), os.path.join(folder, name))
    os.rmdir(inner)
