"""The full model's configuration, for `refatom synth`. Imports nothing, so that it can be read before any engine is loaded."""

FULL = {
    "frames": 8, "actions": 80, "image_size": 224, "patch": 14, "vit_dim": 1408, "vit_heads": 16, "vit_mlp": 6144, "vit_layers": 39,
    "visual_tokens": 32, "qformer_dim": 768, "qformer_heads": 12, "qformer_mlp": 3072, "qformer_layers": 12, "cross_every": 2,
    "vocab": 1000, "text_positions": 64, "cls_id": 101, "sep_id": 102, "opt_dim": 2560, "opt_heads": 32, "opt_mlp": 10240,
    "opt_layers": 32, "opt_vocab": 1000, "opt_positions": 30, "keyword_limit": 30, "key_frame_size": [340, 465], "resnet_width": 64,
    "resnet_blocks": [3, 4, 6, 3], "detr_dim": 256, "detr_heads": 8, "detr_mlp": 2048, "detr_encoder": 6, "detr_decoder": 6,
    "detr_queries": 100, "detr_classes": 92, "person_class": 1, "fusion_dim": 256, "fusion_heads": 8, "mamba_state": 16,
    "mamba_conv": 4, "mamba_expand": 2}
