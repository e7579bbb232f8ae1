"""The converter against independent formulas, in every layout and file format. Run: python3 -m unittest discover tests/convert

Needs NumPy. With the `gguf` and `torch` packages installed, their readers and writers are tried as well.
"""
import contextlib
import importlib.util
import io
import json
import math
import os
import pathlib
import pickle
import string
import struct
import sys
import tempfile
import unittest
import zipfile

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "models" / "convert")]

import checkpoint_maker as maker  # noqa: E402
import convert  # noqa: E402
import gguf_reader  # noqa: E402
import hyperparameters  # noqa: E402
import names  # noqa: E402
import state_dict  # noqa: E402
import torch_file  # noqa: E402
from expected_tensors import Expected  # noqa: E402

FULL = {
    "frames": 8, "actions": 80, "image_size": 224, "patch": 14, "vit_dim": 1408, "vit_heads": 16, "vit_mlp": 6144,
    "vit_layers": 39, "visual_tokens": 32, "qformer_dim": 768, "qformer_heads": 12, "qformer_mlp": 3072, "qformer_layers": 12,
    "cross_every": 2, "vocab": 30522, "text_positions": 512, "cls_id": 101, "sep_id": 102, "opt_dim": 2560, "opt_heads": 32,
    "opt_mlp": 10240, "opt_layers": 32, "opt_vocab": 30523, "opt_positions": 30, "keyword_limit": 30, "key_frame_size": [340, 465],
    "resnet_width": 64, "resnet_blocks": [3, 4, 6, 3], "detr_dim": 256, "detr_heads": 8, "detr_mlp": 2048, "detr_encoder": 6,
    "detr_decoder": 6, "detr_queries": 100, "detr_classes": 92, "person_class": 1, "fusion_dim": 256, "fusion_heads": 8,
    "mamba_state": 16, "mamba_conv": 4, "mamba_expand": 2}


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)
        self.config = self.dir / "config.json"
        self.config.write_text(json.dumps(maker.MICRO))

    def run_convert(self, *arguments, status=0):
        """-> what it says on stderr."""
        err = io.StringIO()
        with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
            result = convert.main([str(a) for a in arguments])
        self.assertEqual(result, status, err.getvalue())
        return err.getvalue()

    def save(self, name, tensors, metadata=None):
        return maker.write_safetensors(self.dir / name, tensors, metadata)

    def convert_files(self, files, *more):
        out = self.dir / "out.gguf"
        self.run_convert(*files, "--config", self.config, *more, "-o", out)
        return out

    def full_bytes(self, tensors, *more):
        return self.convert_files([self.save("full.safetensors", tensors)], *more).read_bytes()

    def compare(self, found, expected):
        self.assertEqual(set(found), set(expected))
        for name, array in found.items():
            want = expected[name]
            self.assertEqual(array.shape, want.shape, name)
            limit = (2 ** -11 if array.dtype == np.float16 else 2 ** -24) * np.abs(want) * 1.001 + 1e-7 * ("float16" == array.dtype)
            self.assertTrue(np.all(np.abs(array.astype(np.float64) - want) <= limit), name)


class TestTensors(Case):
    def test_every_tensor(self):
        tensors = maker.checkpoint(maker.MICRO)
        meta, found, _ = gguf_reader.read(self.convert_files([self.save("a.safetensors", tensors)]))
        self.compare(found, Expected(tensors, maker.MICRO).opt(251).head())
        self.assertEqual({str(t.dtype) for t in found.values()}, {"float32"})
        self.assertEqual((meta["refatom.opt_vocab"], meta["refatom.opt_positions"]), (251, 12))

    def test_second_mamba(self):
        tensors = maker.checkpoint(maker.MICRO, depth=2)
        meta, found, _ = gguf_reader.read(self.convert_files([self.save("a.safetensors", tensors)], "--logit-divisor", "3"))
        self.compare(found, Expected(tensors, maker.MICRO).opt(251).head(2))
        self.assertEqual((meta["refatom.mamba_depth"], meta["refatom.logit_divisor"]), (2, 3))

    def test_first_model(self):
        tensors = maker.checkpoint(maker.MICRO, variant="refatomnet")
        meta, found, _ = gguf_reader.read(self.convert_files([self.save("a.safetensors", tensors)]))
        self.compare(found, Expected(tensors, maker.MICRO, "model.").head_v1())
        self.assertEqual((meta["refatom.variant"], meta["refatom.opt_dim"], meta["refatom.box_sigmoid"]), ("refatomnet", 0, False))
        self.assertEqual((meta["refatom.mamba_state"], meta["general.name"]), (0, "micro"))
        self.assertEqual((meta["refatom.negative"], meta["refatom.prompt"], meta["refatom.key.std"]), (True, "", [1, 1, 1]))

    def test_half_where_allowed(self):
        tensors = maker.checkpoint(maker.MICRO)
        _, found, _ = gguf_reader.read(self.convert_files([self.save("a.safetensors", tensors)], "--type", "f16"))
        self.compare(found, Expected(tensors, maker.MICRO).opt(251).head())
        for name, t in found.items():
            matrix = name in ("qf.tok", "opt.tok") or name.endswith(".weight") and t.ndim == 2 and not name.startswith("head.")
            self.assertEqual(t.dtype, np.float16 if matrix else np.float32, name)

    def test_auto_keeps_every_bit(self):
        tensors = maker.checkpoint(maker.MICRO, dtype=np.float16)
        key = "modelblip.visual_encoder.blocks.1.mlp.fc2.weight"
        tensors[key] = tensors[key].astype(np.float32)
        tensors[key][-1, -1] = np.float32(1 + 2 ** -12)
        _, found, _ = gguf_reader.read(self.convert_files([self.save("a.safetensors", tensors)]))
        self.compare({k: v.astype(np.float32) for k, v in found.items()}, Expected(tensors, maker.MICRO).opt(251).head())
        self.assertEqual(found["vit.blk.0.fc2.weight"].dtype, np.float16)
        self.assertEqual(found["vit.blk.1.fc2.weight"].dtype, np.float32)
        self.assertEqual(found["detr.stem.weight"].dtype, np.float32)  # folding needs more than f16

    def test_too_large_for_half(self):
        tensors = maker.checkpoint(maker.MICRO)
        tensors["detection_model.class_embed.weight"][0, 0] = 1e5
        file = self.save("a.safetensors", tensors)
        text = self.run_convert(file, "--config", self.config, "--type", "f16", "-o", self.dir / "x.gguf", status=1)
        self.assertIn("detr.class.weight: a value is too large for f16", text)
        self.assertEqual([p.name for p in self.dir.iterdir() if p.name.endswith(("gguf", "part"))], [])

    @unittest.skipUnless(importlib.util.find_spec("gguf"), "package gguf is not installed")
    def test_other_reader_agrees(self):
        import gguf
        out = self.convert_files([self.save("a.safetensors", maker.checkpoint(maker.MICRO))], "--type", "f16")
        meta, found, offsets = gguf_reader.read(out)
        reader = gguf.GGUFReader(out)
        self.assertEqual([t.name for t in reader.tensors], list(found))
        for t in reader.tensors:
            self.assertEqual(list(reversed(t.shape)), list(found[t.name].shape))
            self.assertEqual(t.data_offset, offsets[t.name])
            np.testing.assert_array_equal(t.data, found[t.name])
        self.assertEqual({k: f.contents() for k, f in reader.fields.items() if not k.startswith("GGUF.")}, meta)


class TestPublishedSizes(Case):
    def fake(self, **kind):
        """The published model's shapes, without values."""
        shapes = maker.shapes(FULL | {}, **kind)
        if "llm_model.opt_model.model.decoder.embed_tokens.weight" in shapes:
            shapes |= {"llm_model.opt_model.model.decoder.embed_tokens.weight": (50272, 2560),
                       "llm_model.opt_model.model.decoder.embed_positions.weight": (2050, 2560)}
        shapes["world"] = (768,)
        return {k.replace("model.", "modelblip.", 1) if k.startswith("model.") else k: state_dict.Tensor(s, None, k, "fake")
                for k, s in shapes.items()}

    def test_sizes_are_read_off_the_tensors(self):
        tensors = self.fake()
        c = hyperparameters.resolve(tensors, {})
        self.assertEqual({k: c[k] for k in hyperparameters.SIZES}, FULL)
        entries = names.plan(c, tensors)
        names.check(entries, tensors)
        matrices = [e for e in entries if len(e.shape) == 2 and e.name.endswith(".weight")]
        self.assertEqual((len(entries), len(matrices)), (1627, 577))
        self.assertEqual(sum(math.prod(e.shape) for e in entries), 3_821_832_840)
        self.assertEqual(max(len(e.name) for e in entries), 28)
        self.assertEqual(len({key for e in entries for key, _ in e.needs} - {"world"}), 1952)

    def test_first_model(self):
        tensors = self.fake(variant="refatomnet")
        c = hyperparameters.resolve(tensors, {})
        self.assertEqual((c["variant"], c["actions"], c["vit_layers"], c["detr_heads"]), ("refatomnet", 80, 39, 8))
        names.check(names.plan(c, tensors), tensors)

    def test_head_count_that_cannot_be_told(self):
        with self.assertRaisesRegex(state_dict.ConvertError, "vit_heads cannot be told"):
            hyperparameters.resolve({k: state_dict.Tensor(s, None, k, "x") for k, s in maker.shapes(maker.MICRO).items()}, {})


class TestLayouts(Case):
    def setUp(self):
        super().setUp()
        self.tensors = maker.checkpoint(maker.MICRO)
        self.parts = {"eva": maker.eva(self.tensors), "stage1": maker.blip2_stage1(self.tensors),
                      "opt": maker.part(self.tensors, "llm_model.opt_model."), "detr": maker.part(self.tensors, "detection_model."),
                      "head": maker.head(self.tensors)}
        self.whole = self.full_bytes(self.tensors)

    def same(self, *more, **replaced):
        parts = {k: v for k, v in (self.parts | replaced).items() if v is not None}
        files = [self.save(k + ".safetensors", v) for k, v in parts.items()]
        self.assertEqual(self.convert_files(files, *more).read_bytes(), self.whole)

    def test_original_files(self):
        self.same()

    def test_order_does_not_matter(self):
        self.parts = dict(reversed(self.parts.items()))
        self.same()

    def test_eva_without_the_extra_block(self):
        self.same(eva=maker.part(self.tensors, "modelblip.visual_encoder."))

    def test_bare_opt_decoder(self):
        self.same(opt=maker.part(self.tensors, "llm_model.opt_model.model."))

    def test_hugging_face_stage1_has_the_vision_body(self):
        self.same(eva=None, stage1=maker.hf_itm(self.tensors))

    def test_hugging_face_opt_beside_stage1(self):
        self.same(eva=None, opt=maker.hf_blip2_opt(self.tensors))

    def test_hugging_face_all(self):
        self.same(eva=None, stage1=maker.hf_itm(self.tensors), opt=maker.hf_blip2_opt(self.tensors), detr=maker.hf_detr(self.tensors))

    def test_hugging_face_detr(self):
        for native in (False, True):
            for out_name in ("out_proj", "o_proj"):
                self.same(detr=maker.hf_detr(self.tensors, native, out_name))

    def test_split_attention_in_the_head(self):
        head = {}
        for k, v in self.parts["head"].items():
            if ".in_proj_" in k:
                head |= {k.replace("in_proj_", f"{x}_proj."): third for x, third in zip("qkv", np.split(v, 3))}
            else:
                head[k] = v
        self.same(head=head)

    def test_module_prefix(self):
        self.same(head={"module." + k: v for k, v in self.parts["head"].items()})

    def test_full_checkpoint_with_its_dead_parts(self):
        one = np.ones((1,), np.float32)
        dead = {k: one for k in ("modelblip.itm_head.weight", "modelblip.temp", "llm_model.Qformer.bert.encoder.x", "manifold.isp_c",
                                 "llm_model.opt_model.lm_head.weight", "proj_img.weight", "latent_proj2.bias", "proj_box.weight",
                                 "modelblip.Qformer.cls.predictions.bias", "detection_model.backbone.0.body.bn1.num_batches_tracked")}
        file = self.save("full.safetensors", self.tensors | dead)
        out = self.dir / "dead.gguf"
        self.assertNotIn("warning", self.run_convert(file, "--config", self.config, "-o", out))
        self.assertEqual(out.read_bytes(), self.whole)

    def test_first_file_wins(self):
        other = self.save("other.safetensors", {k: v + 1 for k, v in self.parts["head"].items()})
        out = self.dir / "out.gguf"
        text = self.run_convert(self.save("full.safetensors", self.tensors), other, "--config", self.config, "-o", out)
        self.assertIn("tensors ignored because an earlier file has them", text)
        self.assertEqual(out.read_bytes(), self.whole)

    def test_shards_index_and_folder(self):
        folder = self.dir / "hf"
        folder.mkdir()
        items, where = list(maker.hf_itm(self.tensors).items()), {}
        for i in (0, 1):
            name = f"model-{i + 1:05}-of-00002.safetensors"
            maker.write_safetensors(folder / name, dict(items[i::2]))
            where |= {k: name for k, _ in items[i::2]}
        rest = [self.save(k + ".safetensors", self.parts[k]) for k in ("opt", "detr", "head")]
        self.assertEqual(self.convert_files([*sorted(folder.iterdir()), *rest]).read_bytes(), self.whole)
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
        self.assertEqual(self.convert_files([folder, *rest]).read_bytes(), self.whole)

    def fails(self, *expected, **replaced):
        parts = {k: v for k, v in (self.parts | replaced).items() if v is not None}
        files = [self.save(k + ".safetensors", v) for k, v in parts.items()]
        out = self.dir / "bad.gguf"
        text = self.run_convert(*files, "--config", self.config, "-o", out, status=1)
        error = text[text.index("convert: error:"):]
        for e in expected:
            self.assertIn(e, error)
        self.assertFalse(out.exists())

    def test_stage2_is_refused(self):
        keep = lambda d: {k: v for k, v in d.items() if "embeddings" not in k}
        self.fails("stage-2 Q-Former weights", "blip2-itm-vit-g", stage1=keep(self.parts["stage1"]))
        self.fails("stage-2 Q-Former weights", "missing tensor", stage1=None, opt=maker.hf_blip2_opt(self.tensors))

    def test_missing_and_misshapen(self):
        detr, key = dict(self.parts["detr"]), "transformer.decoder.layers.1.norm3.bias"
        full = "detection_model." + key
        self.fails(f"missing tensor {full}, expected [16]", detr={k: v for k, v in detr.items() if k != key})
        self.fails(f"tensor {full} has shape [17], expected [16]", detr=detr | {key: np.ones(17, np.float32)})
        self.fails("embed_tokens.weight has shape [270, 29], expected [251, 30]".replace("[251", "[at least 251"),
                   opt=self.parts["opt"] | {"model.decoder.embed_tokens.weight": np.ones((270, 29), np.float32)})
        self.fails("missing tensor llm_model.opt_model.model.decoder.embed_tokens.weight", "give the checkpoint that holds it", opt=None)
        self.fails("has 240 token rows, but the vocabulary has 250",
                   opt=self.parts["opt"] | {"model.decoder.embed_tokens.weight": np.ones((240, 30), np.float32)})
        self.fails("word vector is missing", head={k: v for k, v in self.parts["head"].items() if k != "world"})

    def test_key_bias_must_be_zero(self):
        bad = maker.hf_itm(self.tensors)
        bad["vision_model.encoder.layers.0.self_attn.qkv.bias"][30] = 1
        self.fails("the key part of the bias is not zero", eva=None, stage1=bad)

    def test_not_finite(self):
        bad = dict(self.parts["head"])
        bad["proj_text.weight"] = bad["proj_text.weight"].copy()
        bad["proj_text.weight"][0, 0] = np.nan
        self.fails("head.key.proj.weight: a value is not finite", head=bad)

    def test_integers_for_weights(self):
        self.fails("holds int64, expected floats", head=self.parts["head"] | {"proj_text.bias": np.ones(20, np.int64)})

    def test_unknown_tensors_are_counted(self):
        extra = {f"surprise.{i}": np.ones(1, np.float32) for i in range(3)}
        file = self.save("full.safetensors", self.tensors | extra)
        text = self.run_convert(file, "--config", self.config, "-o", self.dir / "u.gguf")
        self.assertIn("3 tensors are not part of the model and were left out, e.g. surprise.0, surprise.1, surprise.2", text)
        self.assertEqual(text.count("warning"), 1)

    def test_unknown_checkpoint(self):
        self.fails("not a checkpoint this converter knows", detr={"layer.weight": np.ones(1, np.float32)})


class TestMetadata(Case):
    def meta(self, *more, config=maker.MICRO):
        self.config.write_text(json.dumps(config))
        tensors = maker.checkpoint(config)
        return gguf_reader.read(self.convert_files([self.save("a.safetensors", tensors)], *more))[0]

    def test_published_profile(self):
        m = self.meta()
        self.assertEqual(list(m)[0], "general.architecture")
        self.assertEqual((m["general.architecture"], m["general.alignment"], m["general.name"]), ("refatomnet", 64, "micro"))
        for key, value in maker.MICRO.items():
            if key != "name":
                self.assertEqual(m["refatom." + key], value)
        wanted = {"variant": "refatomnet++", "branches": "both", "sampling": "spread", "channel_order": "bgr", "frame.filter": "bicubic",
                  "frame.resize": "tensor", "key.filter": "bicubic", "key.resize": "pillow", "fp16_pixels": True, "negative": False,
                  "box_sigmoid": True, "logit_divisor": 2, "mamba_depth": 1, "prompt": "Predict the fine-grained action of "}
        self.assertEqual({k: m["refatom." + k] for k in wanted}, wanted)
        np.testing.assert_array_equal(np.float32(m["refatom.frame.mean"]), np.float32([.45] * 3))
        self.assertEqual(m["refatom.key.std"], [0.25] * 3)
        words = m["refatom.stop_words"]
        self.assertEqual((len(words), words), (198, sorted(set(words), key=str.encode)))
        self.assertEqual((len(m["refatom.labels"]), m["refatom.labels"][11], m["refatom.labels"][79]), (80, "stand", "watch (a person)"))

    def test_options(self):
        m = self.meta("--profile", "demo", "--no-antialias", "--branches", "2", "--no-box-sigmoid", "--sampling", "still",
                      "--prompt", "", "--no-fp16-pixels", "--name", "n")
        wanted = {"branches": "2", "box_sigmoid": False, "sampling": "still", "channel_order": "rgb", "frame.filter": "bilinear",
                  "frame.resize": "tensor-no-antialias", "key.filter": "bilinear", "fp16_pixels": False, "prompt": ""}
        self.assertEqual({k: m["refatom." + k] for k in wanted}, wanted)
        self.assertEqual(m["general.name"], "n")

    def test_profile_in_the_configuration(self):
        m = self.meta(config=maker.MICRO | {"frame.mean": [0, 0.5, 1], "prompt": "p ", "channel_order": "rgb", "odd": 1})
        self.assertEqual((m["refatom.frame.mean"], m["refatom.prompt"], m["refatom.channel_order"]), ([0, 0.5, 1], "p ", "rgb"))

    def test_special_ids_from_the_vocabulary(self):
        tokens = ["[PAD]", "[UNK]", "[SEP]", "[CLS]"] + [f"w{i}" for i in range(246)]
        vocab = self.dir / "vocab.txt"
        vocab.write_text("\n".join(tokens) + "\n")
        m = self.meta("--vocab", vocab, config={k: v for k, v in maker.MICRO.items() if k not in ("cls_id", "sep_id")})
        self.assertEqual((m["refatom.cls_id"], m["refatom.sep_id"]), (3, 2))

    def test_configuration_in_the_checkpoint(self):
        file = self.save("a.safetensors", maker.checkpoint(maker.MICRO), {"config": json.dumps(maker.MICRO), "seed": "1"})
        self.run_convert(file, "-o", self.dir / "a.gguf")
        self.assertEqual((self.dir / "a.gguf").read_bytes(), self.full_bytes(maker.checkpoint(maker.MICRO)))

    def test_synthetic_vocabulary_spells_ascii(self):
        tokens = self.meta()["tokenizer.ggml.tokens"]
        self.assertEqual((len(tokens), len(set(tokens))), (251, 251))
        self.assertEqual([tokens[i] for i in (0, 100, 101, 102, 103, 250)], ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]"])
        letters = string.ascii_lowercase + string.digits
        self.assertLessEqual({*letters, *string.punctuation, *("##" + x for x in letters)}, set(tokens))

    def test_vocabulary_and_labels_from_files(self):
        tokens = [f"w{i}" for i in range(250)]
        tokens[100:103] = ["[UNK]", "[CLS]", "[SEP]"]
        vocab, labels = self.dir / "vocab.txt", self.dir / "labels.txt"
        vocab.write_text("\n".join(tokens) + "\n")
        labels.write_text("\n".join(f"do {i}" for i in range(80)))
        m = self.meta("--vocab", vocab, "--labels", labels)
        self.assertEqual(m["tokenizer.ggml.tokens"], tokens + ["[DEC]"])
        self.assertEqual(m["refatom.labels"][79], "do 79")
        file = self.dir / "a.safetensors"
        for text, message in (("\n".join(tokens[:-1]), "249 lines"), ("\n".join(["[CLS]"] + tokens[:-1]), "expected [CLS]")):
            vocab.write_text(text)
            self.assertIn(message, self.run_convert(file, "--config", self.config, "--vocab", vocab, "-o", "x.gguf", status=1))
        labels.write_text("one")
        self.assertIn("1 lines", self.run_convert(file, "--config", self.config, "--labels", labels, "-o", "x.gguf", status=1))

    def test_person_vector_from_the_word_table(self):
        tensors, worlds = maker.checkpoint(maker.MICRO), self.dir / "worlds.pkl"
        table = np.random.default_rng(3).standard_normal((91, 20)).astype("<f4")
        worlds.write_bytes(bytes(336) + table.tobytes() + b"tail")
        out = self.convert_files([self.save("a.safetensors", tensors)], "--worlds", worlds)
        bias = tensors["proj.weight"][:, 4:].astype(float) @ table[0] + tensors["proj.bias"]
        np.testing.assert_allclose(gguf_reader.read(out)[1]["head.box.proj.bias"], bias, rtol=1e-6, atol=1e-6)
        worlds.write_bytes(bytes(400))
        self.assertIn("too short", self.run_convert(self.dir / "a.safetensors", "--config", self.config, "--worlds", worlds,
                                                    "-o", "x.gguf", status=1))

    def test_bad_configurations(self):
        file = self.save("a.safetensors", maker.checkpoint(maker.MICRO))
        for change, message in (({"vit_heads": 5}, "vit_heads = 5 does not divide"), ({"frames": 0}, "frames = 0"),
                                ({"patch": "x"}, "patch = x"), ({"cls_id": 400}, "not below vocab"), ({"branches": "3"}, "branches"),
                                ({"keyword_limit": 49}, "expected [at least 51, 30]"), ({"vit_layers": 3}, "blocks.2."),
                                ({"frames": 65}, "frames = 65; 1 to 64"), ({"key_frame_size": [5000, 9]}, "1 to 4096"),
                                ({"keyword_limit": 1}, "2 to 1024"), ({"prompt": "\ud800"}, "prompt has a character")):
            self.config.write_text(json.dumps(maker.MICRO | change))
            text = self.run_convert(file, "--config", self.config, "-o", self.dir / "x.gguf", status=1)
            self.assertIn(message, text)
        for change in ({"prompt": 3}, {"sampling": "odd"}, {"frame.mean": [1, 2]}, {"key.std": [1, 2, "3"]}, {"key.std": [1, 0, 1]}, {"fp16_pixels": 1}):
            self.config.write_text(json.dumps(maker.MICRO | change))
            text = self.run_convert(file, "--config", self.config, "-o", self.dir / "x.gguf", status=1)
            self.assertIn(f"configuration: {list(change)[0]} = ", text)
        self.config.write_text("{")
        self.assertIn("not JSON", self.run_convert(file, "--config", self.config, "-o", "x.gguf", status=1))


class TestFiles(Case):
    def setUp(self):
        super().setUp()
        self.tensors = maker.checkpoint(maker.MICRO)

    def test_torch_zip_and_legacy(self):
        whole = self.full_bytes(self.tensors)
        # A transposed array is written with its strides, as PyTorch does.
        turned = self.tensors | {"proj_text.weight": np.asfortranarray(self.tensors["proj_text.weight"])}
        for write in (maker.write_torch_zip, maker.write_torch_legacy):
            for wrap in (None, "model", "state_dict"):
                file = write(self.dir / "full.pth", turned, wrap)
                self.assertEqual(self.convert_files([file]).read_bytes(), whole, (write.__name__, wrap))

    @unittest.skipUnless(importlib.util.find_spec("torch"), "PyTorch is not installed")
    def test_files_of_torch_itself(self):
        import torch
        whole = self.full_bytes(self.tensors)
        state = {k: torch.from_numpy(v) for k, v in self.tensors.items()}
        key = "proj_text.weight"
        state[key] = torch.cat([torch.zeros(3, 20), state[key].T])[3:].T  # a strided view behind an offset
        module = torch.nn.Module()
        module.register_parameter("p", torch.nn.Parameter(torch.zeros(2)))
        ordered = module.state_dict()  # an OrderedDict with _metadata
        ordered.update(state)
        ordered.pop("p")
        for zipped in (True, False):
            for value in (state, ordered, {"model": ordered}):
                torch.save(value, self.dir / "full.pth", _use_new_zipfile_serialization=zipped)
                self.assertEqual(self.convert_files([self.dir / "full.pth"]).read_bytes(), whole)

    @unittest.skipUnless(importlib.util.find_spec("torch"), "PyTorch is not installed")
    def test_bfloat16_of_torch(self):
        import torch
        values = torch.randn(5, 7).bfloat16()
        torch.save({"a": values, "p": torch.nn.Parameter(values.half())}, self.dir / "b.pth")
        found = torch_file.read(self.dir / "b.pth")
        np.testing.assert_array_equal(found["a"].read(), values.float().numpy())
        np.testing.assert_array_equal(found["p"].read(), values.half().numpy())

    def refused(self, data, *messages, name="bad.pth"):
        file = self.dir / name
        file.write_bytes(data)
        text = self.run_convert(file, "-o", self.dir / "x.gguf", status=1)
        self.assertIn(str(file), text)
        for m in messages:
            self.assertIn(m, text)

    def zipped(self, pickle_bytes, tensors=None):
        return maker.write_torch_zip(self.dir / "z", tensors or {}, pickle_bytes=pickle_bytes).read_bytes()

    def test_hostile_pickles_execute_nothing(self):
        proof = self.dir / "executed"

        class Evil:
            def __reduce__(self):
                return (eval, (f"open({str(proof)!r}, 'w')",))
        for protocol in range(2, 6):
            self.refused(self.zipped(pickle.dumps({"a": Evil()}, protocol)), "it refers to")
        self.refused(self.zipped(pickle.dumps({"a": Evil()}, 0)), "cannot be read as a checkpoint")
        self.refused(pickle.dumps(Evil(), 2), "it refers to")
        command = f"touch {proof}".encode()
        programs = {
            "system": b"\x80\x02cos\nsystem\n(X" + struct.pack("<I", len(command)) + command + b"tR.",
            "stack global": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02ls\x85R.",
            "dotted name": b"\x80\x02ccollections\nOrderedDict.fromkeys\n)R.",
            "instance": b"\x80\x02(ios\nsystem\n.",
            "object": b"\x80\x02(cos\nsystem\no.",
            "newobj": b"\x80\x02ccollections\nOrderedDict\n)\x81.",
            "extension": b"\x80\x02\x82\x01.",
            "call of data": b"\x80\x02K\x01)R.",
            "call of a storage class": b"\x80\x02ctorch\nFloatStorage\n)R.",
            "state of a function": b"\x80\x02ccollections\nOrderedDict\n}b.",
            "empty stack": b"\x80\x020000R.",
            "no end": b"\x80\x02}",
            "forged length": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62) + b"x.",
            "unhashable key": b"\x80\x02}]K\x01s.",
        }
        for name, program in programs.items():
            with self.subTest(name):
                self.refused(self.zipped(program), "cannot be read as a checkpoint")
        self.assertFalse(proof.exists())

    def test_tensor_outside_its_storage(self):
        a = {"a": np.ones((4, 4), np.float32)}
        good = maker.torch_pickle(a)
        shape = maker._numbers((4, 4))
        for bad in (maker._numbers((4, 5)), maker._numbers((1 << 30, 1 << 30))):
            self.assertIn(shape, good)
            self.refused(self.zipped(good.replace(shape, bad, 1), a), "tensor a reaches outside its storage")
        self.refused(self.zipped(good.replace(shape, maker._numbers((-4, 4)), 1), a), "not a non-negative number")
        one = {"a": np.ones((1, 4), np.float32)}
        self.assertIn(maker._numbers((4, 1)), maker.torch_pickle(one))
        huge = maker.torch_pickle(one).replace(maker._numbers((4, 1)), b"(\x8a\x09" + bytes(8) + b"\x01K\x01t", 1)  # 2^64
        (_, tensors, _), = state_dict.open_checkpoints([maker.write_torch_zip(self.dir / "huge.pth", one, pickle_bytes=huge)])
        self.assertEqual(tensors["a"].read().tolist(), [[1, 1, 1, 1]])
        self.refused(self.zipped(maker.torch_pickle({"a": np.ones((5, 5), np.float32)}), a), "tensor a reaches outside its storage")

    def test_damaged_files(self):
        whole = maker.write_torch_zip(self.dir / "t.pth", self.tensors).read_bytes()
        self.refused(whole[:len(whole) // 2], "cannot be read as a checkpoint")
        legacy = maker.write_torch_legacy(self.dir / "l.pth", self.tensors).read_bytes()
        for cut in (3, 20, 200, len(legacy) // 2, len(legacy) - 1):
            self.refused(legacy[:cut], "cannot be read as a checkpoint")
        packed = maker.write_torch_zip(self.dir / "c.pth", self.tensors, compression=zipfile.ZIP_DEFLATED).read_bytes()
        self.refused(packed, "compressed or damaged")
        self.refused(b"", "empty")
        self.refused(b"hello world, this is text", "cannot be read as a checkpoint")

    def test_altered_files_are_read_or_refused(self):
        """Random damage: either ConvertError or tensors of the stated shapes, never another exception."""
        small = {"a.weight": np.ones((3, 4), np.float32), "b": np.ones(5, np.float16), "c": np.ones((), np.float32)}
        whole = [write(self.dir / "w", small).read_bytes()
                 for write in (maker.write_torch_zip, maker.write_torch_legacy, maker.write_safetensors)]
        rng, file, refused = np.random.default_rng(5), self.dir / "altered.pth", 0
        for n in range(600):
            data = bytearray(whole[n % 3])
            for at in rng.integers(0, len(data) - 40, rng.integers(1, 6)):
                data[at:at + rng.integers(0, 4)] = rng.bytes(rng.integers(1, 4))
            file.write_bytes(data)
            try:
                (_, tensors, _), = state_dict.open_checkpoints([file])
                for t in tensors.values():
                    self.assertEqual(t.read().shape, t.shape)
            except state_dict.ConvertError:
                refused += 1
        self.assertGreater(refused, 300)

    def test_damaged_safetensors(self):
        whole = self.save("s.safetensors", {"a": np.ones(4, np.float32)}).read_bytes()
        bad = {"cut": whole[:-1], "header length": struct.pack("<Q", 1 << 60) + whole[8:], "no header": whole[:6],
               "not json": struct.pack("<Q", 2) + b"{x" + bytes(9), "shape": whole.replace(b"[4]", b"[5]"),
               "negative": whole.replace(b"[4]", b"[-4]"), "type": whole.replace(b"F32", b"F99"), "list": struct.pack("<Q", 2) + b"[]"}
        for name, data in bad.items():
            with self.subTest(name):
                self.refused(data, name="bad.safetensors")

    def test_missing_file_and_folder(self):
        self.assertIn("no such file", self.run_convert(self.dir / "none.pth", "-o", "x.gguf", status=1))
        self.assertIn("the folder holds none of", self.run_convert(self.dir, "-o", "x.gguf", status=1))
        file = self.save("a.safetensors", self.tensors)
        text = self.run_convert(file, "--config", self.config, "-o", self.dir / "no" / "x.gguf", status=1)
        self.assertIn("No such file or directory", text)

    def test_output_may_not_replace_a_checkpoint(self):
        file = self.save("a.safetensors", self.tensors)
        before = file.read_bytes()
        self.assertIn("would replace a checkpoint", self.run_convert(file, "--config", self.config, "-o", file, status=1))
        self.assertEqual(file.read_bytes(), before)

    def test_output_is_a_file(self):
        file, pipe = self.save("a.safetensors", self.tensors), self.dir / "pipe"
        os.mkfifo(pipe)
        self.assertIn("pipe: not a regular file", self.run_convert(file, "--config", self.config, "-o", pipe, status=1))
        self.assertTrue(pipe.is_fifo())
        self.assertIn("not a regular file", self.run_convert(file, "--config", self.config, "-o", self.dir, status=1))

    def test_wrong_usage(self):
        with self.assertRaises(SystemExit) as stop, contextlib.redirect_stderr(io.StringIO()):
            convert.main([])
        self.assertEqual(stop.exception.code, 2)


if __name__ == "__main__":
    unittest.main()
