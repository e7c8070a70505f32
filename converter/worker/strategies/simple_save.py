"""`tf.saved_model.simple_save`: one call, one signature, the tag `serve`."""


def unsupported(job):
    """Needs a session, and TensorFlow 1.7 or later."""
    if not hasattr(job.v1.saved_model, "simple_save"):
        return "TensorFlow %s has no simple_save" % job.tf.__version__
    if not job.keras.graph_mode:
        return "simple_save needs a session, and %s %s has none" % (
            job.keras.name,
            job.keras.version,
        )
    return None


def write(job, folder):
    """The session's graph and variables with the contract's keys."""
    inputs, outputs = job.tensors()
    session = job.keras.session()
    with session.graph.as_default():
        job.v1.saved_model.simple_save(session, folder, inputs=inputs, outputs=outputs)
    return {}
