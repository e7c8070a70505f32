"""Ask a servable what a recorded request holds, for warm-up."""

from __future__ import annotations

from converter.serving.server import inference
from converter.serving.server.servable import Servable
from converter.wire.apis_pb2 import PredictionLog


def replay(servable: Servable, record: PredictionLog) -> None:
    """Send the request of `record`; one of no known kind is passed over. Raises StatusError.

    The model a request names is not looked at: the file lies with its model.
    """
    call = inference.Call()
    match record.WhichOneof("log_type"):
        case "predict_log":
            predict = record.predict_log.request
            inputs = inference.TensorProtos(predict.inputs)
            name = predict.model_spec.signature_name
            inference.predict(servable, name, inputs, predict.output_filter, call)
        case "classify_log":
            classify = record.classify_log.request
            inference.classify(servable, classify.model_spec.signature_name, classify.input, call)
        case "regress_log":
            regress = record.regress_log.request
            inference.regress(servable, regress.model_spec.signature_name, regress.input, call)
        case "multi_inference_log":
            multi = record.multi_inference_log.request
            inference.multi(servable, multi.tasks, multi.input, call)
