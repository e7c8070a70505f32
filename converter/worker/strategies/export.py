"""`keras.export.ExportArchive`, what `model.export` is made of: TensorFlow 2.12 on, and Keras 3."""


def unsupported(job):
    """Needs eager mode and an ExportArchive."""
    if job.mode != "eager" or job.tf.__version__.startswith("1."):
        return "ExportArchive needs a worker in eager mode"
    if _archive_class(job) is None:
        return "%s %s has no ExportArchive" % (job.keras.name, job.keras.version)
    return None


def write(job, folder):
    """One endpoint, `serving_default`."""
    serve, specs = job.traced()
    archive = _archive_class(job)()
    archive.track(job.model)
    archive.add_endpoint("serving_default", serve, input_signature=specs)
    archive.write_out(folder)
    return {"inputs": dict(zip(job.safe_inputs(), job.contract.inputs))}


def _archive_class(job):
    return getattr(getattr(job.keras.module, "export", None), "ExportArchive", None)
