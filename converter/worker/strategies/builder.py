"""`tf.saved_model.builder.SavedModelBuilder` over the session that holds the model."""

from ..contract import predict_signature, write_session


def unsupported(job):
    """Needs a session."""
    if not job.keras.graph_mode:
        return "SavedModelBuilder needs a session, and %s %s has none" % (
            job.keras.name,
            job.keras.version,
        )
    return None


def write(job, folder):
    """Every variable of the session, and one signature under every wanted name."""
    inputs, outputs = job.tensors()
    session = job.keras.session()
    with session.graph.as_default():
        signature = predict_signature(job.v1, inputs, outputs)
        signatures = {name: signature for name in job.contract.signatures}
        write_session(job.v1, session, signatures, job.contract.tags, folder)
    return {}
