"""Networks through other engines: `engines(name, model, inputs, work)` gives, for each engine, a function of the thread count that returns a call.

What takes long to prepare (exported graphs, calibrated models) is kept in the folder `work`; delete the folder after changing a network. Every
engine keeps its own default way of waiting for threads. Calibration of static models sees the very input that is timed.
"""
import copy
import pathlib
import subprocess

import numpy as np
import torch
from torch import nn

FLAGS = subprocess.run(["cat", "/proc/cpuinfo"], capture_output=True, text=True).stdout
OPSET = 17
GROUP = "128"  # OpenVINO: values that share a scale in dynamic quantisation


def optional(name):
    try:
        return __import__(name, fromlist=["_"])
    except Exception as e:  # an engine that does not load here is reported and left out
        print(f"# {name}: not available ({str(e).splitlines()[0] if str(e) else type(e).__name__})", flush=True)
        return None


ort, ov, nncf, onnx = optional("onnxruntime"), optional("openvino"), optional("nncf"), optional("onnx")
pt2e, x86 = optional("torchao.quantization.pt2e.quantize_pt2e"), optional("torchao.quantization.pt2e.quantizer.x86_inductor_quantizer")


# ------------------------------------------------------------------ PyTorch

def torch_call(model, inputs, dtype=torch.float32):
    model = copy.deepcopy(model).to(dtype)
    inputs = [x.to(dtype) for x in inputs]
    return lambda: model(*inputs)


def torch_compiled(model, inputs):
    import torch._inductor.config
    torch._inductor.config.freezing = True
    compiled = torch.compile(copy.deepcopy(model))
    # Inductor's quantised graphs write into their inputs: nobody else's, and the first call must find them whole.
    inputs = [x.clone() for x in inputs]
    compiled(*(x.clone() for x in inputs))
    return lambda: compiled(*inputs)


def torch_int8(model, inputs):
    torch.backends.quantized.engine = "onednn" if "onednn" in torch.backends.quantized.supported_engines else "qnnpack"
    quantized = torch.ao.quantization.quantize_dynamic(copy.deepcopy(model), {nn.Linear}, torch.qint8)
    return lambda: quantized(*inputs)


def torch_pt2e(model, inputs, dynamic):
    """The exported graph, quantised for inductor's x86 kernels and compiled."""
    exported = torch.export.export(copy.deepcopy(model), tuple(inputs)).module()
    quantizer = x86.X86InductorQuantizer().set_global(x86.get_default_x86_inductor_quantization_config(is_dynamic=dynamic))
    prepared = pt2e.prepare_pt2e(exported, quantizer)
    prepared(*inputs)
    return torch_compiled(pt2e.convert_pt2e(prepared), inputs)


# ------------------------------------------------------------------ ONNX Runtime

def onnx_file(path, model, inputs):
    if not path.exists():
        torch.onnx.export(model, tuple(inputs), str(path), input_names=[f"x{i}" for i in range(len(inputs))], dynamo=False, opset_version=OPSET)
    return path


def onnx_call(path, inputs, threads):
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed = {f"x{i}": x.numpy() for i, x in enumerate(inputs)}
    return lambda: session.run(None, feed)[0]


def onnx_dynamic(path):
    from onnxruntime.quantization import QuantType, quantize_dynamic
    out = path.with_suffix(".int8.onnx")
    if not out.exists():
        quantize_dynamic(str(path), str(out), weight_type=QuantType.QInt8, per_channel=True)
    return out


def onnx_static(path, inputs):
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Once(CalibrationDataReader):
        rows = iter([{f"x{i}": x.numpy() for i, x in enumerate(inputs)}])

        def get_next(self):
            return next(self.rows, None)

    out, clean = path.with_suffix(".static.onnx"), path.with_suffix(".clean.onnx")
    if not out.exists():
        quant_pre_process(str(path), str(clean))
        quantize_static(str(clean), str(out), Once(), activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, per_channel=True)
        clean.unlink()
    return out


# ------------------------------------------------------------------ OpenVINO

def openvino_file(path, make):
    if not path.exists():
        ov.save_model(make(), str(path), compress_to_fp16=False)
    return path


def openvino_call(path, inputs, threads, **hints):
    options = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32", **hints}
    request = ov.Core().compile_model(str(path), "CPU", options).create_infer_request()
    feed = {i: x.numpy() for i, x in enumerate(inputs)}
    return lambda: request.infer(feed)[0]


def openvino_static(model, inputs):
    data = nncf.Dataset([0], lambda _: {i: x.numpy() for i, x in enumerate(inputs)})
    return nncf.quantize(ov.convert_model(model, example_input=tuple(inputs)), data, model_type=nncf.ModelType.TRANSFORMER, subset_size=1)


def openvino_dynamic(model, inputs):
    """int8 weights, the activations of each product quantised in groups as it runs."""
    return nncf.compress_weights(ov.convert_model(model, example_input=tuple(inputs)), mode=nncf.CompressWeightsMode.INT8_SYM)


# ------------------------------------------------------------------ all

def engines(name, model, inputs, work):
    work = pathlib.Path(work)
    found = {"PyTorch float32": lambda t: torch_call(model, inputs), "PyTorch float32 compiled": lambda t: torch_compiled(model, inputs),
             "PyTorch int8 dynamic": lambda t: torch_int8(model, inputs)}
    if "avx512_bf16" in FLAGS or "amx_bf16" in FLAGS:
        found["PyTorch bfloat16"] = lambda t: torch_call(model, inputs, torch.bfloat16)
    if pt2e and x86:
        found["PyTorch int8 PT2E static"] = lambda t: torch_pt2e(model, inputs, False)
        found["PyTorch int8 PT2E dynamic"] = lambda t: torch_pt2e(model, inputs, True)
    if ort and onnx:
        plain = lambda: onnx_file(work / f"{name}.onnx", model, inputs)
        found["ONNX Runtime float32"] = lambda t: onnx_call(plain(), inputs, t)
        found["ONNX Runtime int8 dynamic"] = lambda t: onnx_call(onnx_dynamic(plain()), inputs, t)
        found["ONNX Runtime int8 static"] = lambda t: onnx_call(onnx_static(plain(), inputs), inputs, t)
    if ov:
        converted = lambda kind, make: openvino_file(work / f"{name}.{kind}.xml", make)
        found["OpenVINO float32"] = lambda t: openvino_call(
            converted("float32", lambda: ov.convert_model(model, example_input=tuple(inputs))), inputs, t)
        if nncf:
            found["OpenVINO int8 static"] = lambda t: openvino_call(converted("static", lambda: openvino_static(model, inputs)), inputs, t)
            found["OpenVINO int8 dynamic"] = lambda t: openvino_call(
                converted("dynamic", lambda: openvino_dynamic(model, inputs)), inputs, t, DYNAMIC_QUANTIZATION_GROUP_SIZE=GROUP)
    return found
