"""`tf.keras.models.save_model` in the SavedModel format: TensorFlow 2.x."""

# Where `save_traces` is. Source: release notes of TensorFlow 2.4.
TRACES_CAN_STAY_OUT = (2, 4)


def unsupported(job):
    """Needs eager TensorFlow 2 and its own Keras (or tf_keras)."""
    if job.keras.name not in ("tf.keras", "tf_keras"):
        return "%s %s does not write SavedModels with save_model" % (
            job.keras.name,
            job.keras.version,
        )
    if job.tf.__version__.startswith("1."):
        return "save_model writes SavedModels from TensorFlow 2.0 on, not in %s" % (
            job.tf.__version__
        )
    if job.mode != "eager":
        return "save_model needs a worker in eager mode"
    return None


def write(job, folder):
    """The model with one traced signature; the optimizer stays out.

    From TensorFlow 2.4 on without the layers' own functions, which no signature needs: tracing
    those of recurrent layers took 5 to 10 s of 6 to 11. Source: measured, 2.4 and 2.15.
    """
    serve, specs = job.traced()
    signature = job.tf.function(serve, input_signature=specs).get_concrete_function()
    series = tuple(int(part) for part in job.tf.__version__.split(".")[:2])
    job.keras.module.models.save_model(
        job.model,
        folder,
        save_format="tf",
        include_optimizer=False,
        signatures={name: signature for name in job.contract.signatures},
        **({"save_traces": False} if series >= TRACES_CAN_STAY_OUT else {}),
    )
    return {"inputs": dict(zip(job.safe_inputs(), job.contract.inputs))}
