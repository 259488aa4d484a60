"""Small models with random weights, in the files that the real libraries load: a VITS of several speakers, its speaker
encoder, and a Whisper. They say and hear nonsense, always the same nonsense for the same question.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np

from processors.torch_audio import import_torchaudio
from tests.hf import import_transformers

SPEAKERS = ("ann", "bob", "cy")
LANGUAGES = ("en", "fr-fr")
LETTERS = "abcdefghijklmnopqrstuvwxyzéç"
AUDIO = {"sample_rate": 16_000, "hop_length": 64, "win_length": 256, "fft_size": 256, "num_mels": 80, "mel_fmin": 0, "mel_fmax": None}
D_VECTOR = 16
FRAMES_PER_LETTER = 12.0  # of 4 ms


def make_vits(folder: Path, clones: bool = False, speakers: tuple[str, ...] = SPEAKERS, languages: tuple[str, ...] = LANGUAGES) -> Path:
    """Writes model.pth and config.json, speakers by number or, for a model that clones, by d-vector; gives model.pth."""
    import_torchaudio()
    import torch
    from TTS.config.shared_configs import BaseAudioConfig
    from TTS.tts.configs.shared_configs import CharactersConfig
    from TTS.tts.configs.vits_config import VitsArgs, VitsConfig
    from TTS.tts.models.vits import Vits

    folder.mkdir(parents=True, exist_ok=True)
    args: dict[str, Any] = {
        "out_channels": AUDIO["fft_size"] // 2 + 1,
        "hidden_channels": 16,
        "hidden_channels_ffn_text_encoder": 16,
        "num_layers_text_encoder": 1,
        "num_layers_posterior_encoder": 1,
        "num_layers_flow": 1,
        "upsample_rates_decoder": [8, 8],
        "upsample_kernel_sizes_decoder": [16, 16],
        "upsample_initial_channel_decoder": 16,
        "resblock_kernel_sizes_decoder": [3],
        "resblock_dilation_sizes_decoder": [[1, 3, 5]],
        "use_sdp": False,
        "init_discriminator": False,
        "use_language_embedding": True,
        "embedded_language_dim": 4,
    }
    if clones:
        args |= {"use_d_vector_file": True, "d_vector_file": str(_d_vectors(folder, speakers)), "d_vector_dim": D_VECTOR}
        encoder = make_encoder(folder)
        args |= {"speaker_encoder_model_path": str(encoder), "speaker_encoder_config_path": str(encoder.with_name("config_se.json"))}
    else:
        (folder / "speakers.json").write_text(json.dumps({name: number for number, name in enumerate(speakers)}))
        args |= {"use_speaker_embedding": True, "speakers_file": str(folder / "speakers.json")}
    config = VitsConfig(
        model_args=VitsArgs(**args),
        audio=BaseAudioConfig(**AUDIO),
        characters=CharactersConfig(
            characters_class="TTS.tts.models.vits.VitsCharacters",
            pad="_",
            eos="&",
            bos="*",
            blank="~",
            characters=LETTERS,
            punctuations="!'(),-.:;? ",
        ),
        text_cleaner="multilingual_cleaners",
        languages=list(languages),
    )
    torch.manual_seed(0)
    model = Vits(config)
    with torch.no_grad():
        model.duration_predictor.proj.bias.fill_(float(np.log(FRAMES_PER_LETTER)))
        for name, weight in model.waveform_decoder.named_parameters():
            if weight.ndim > 1:
                weight.mul_(4.0 if "conv_post" in name else 2.0)
        if not clones:
            model.emb_g.weight.normal_(0, 2.0)
    torch.save({"model": model.state_dict()}, folder / "model.pth")
    config.save_json(str(folder / "config.json"))
    return folder / "model.pth"


def _d_vectors(folder: Path, speakers: tuple[str, ...]) -> Path:
    rng = np.random.default_rng(0)
    clips = {f"{name}.wav": {"name": name, "embedding": rng.normal(size=D_VECTOR).tolist()} for name in speakers}
    path = folder / "d_vectors.json"
    path.write_text(json.dumps(clips))
    return path


def make_encoder(folder: Path) -> Path:
    """Writes model_se.pth and config_se.json of a speaker encoder; gives model_se.pth."""
    import_torchaudio()
    import torch
    from TTS.encoder.configs.speaker_encoder_config import SpeakerEncoderConfig
    from TTS.encoder.utils.generic_utils import setup_encoder_model

    folder.mkdir(parents=True, exist_ok=True)
    config = SpeakerEncoderConfig(num_classes_in_batch=2, num_utter_per_class=2, num_loader_workers=0)
    config.audio.sample_rate, config.audio.num_mels = 16_000, 80
    config.model_params = {"model_name": "lstm", "input_dim": 80, "proj_dim": D_VECTOR, "lstm_dim": 32, "num_lstm_layers": 1}
    torch.manual_seed(1)
    torch.save({"model": setup_encoder_model(config).state_dict()}, folder / "model_se.pth")
    config.save_json(str(folder / "config_se.json"))
    return folder / "model_se.pth"


WHISPER_LANGUAGES = 99
NUM_TEXT, NUM_TIMES = 50_257, 1_501  # tokens


def make_whisper(folder: Path) -> Path:
    """Writes a converted Whisper of one layer and gives its folder."""
    import torch

    import_transformers()
    from ctranslate2.converters import TransformersConverter
    from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

    source = folder / "transformers"
    source.mkdir(parents=True)
    tokens = _write_tokenizer(source)
    torch.manual_seed(0)
    model = WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=len(tokens),
            d_model=16,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=16,
            decoder_ffn_dim=16,
            init_std=1.0,
            pad_token_id=NUM_TEXT,
            bos_token_id=NUM_TEXT,
            eos_token_id=NUM_TEXT,
            decoder_start_token_id=NUM_TEXT + 1,
        )
    )
    with torch.no_grad():
        decoder, end = model.model.decoder, torch.randn(16)
        decoder.layer_norm.bias.copy_(0.5 * end)
        decoder.embed_positions.weight[0] += 20 * end
        decoder.embed_positions.weight[12:] += 20 * end  # a window holds some eight words
        embedding = decoder.embed_tokens.weight
        embedding[tokens["<|endoftext|>"]] = 1.3 * end
        embedding[tokens["<|nospeech|>"]] = -end
        embedding[-NUM_TIMES:] *= 0.3  # few times within a window
        embedding[NUM_TEXT + 2 : NUM_TEXT + 2 + WHISPER_LANGUAGES] = -end  # no language is said in a text
        embedding[tokens["<|de|>"]] = -0.5 * end  # one that is not told is detected as German
    model.generation_config = GenerationConfig(
        suppress_tokens=[],
        begin_suppress_tokens=[NUM_TEXT],
        alignment_heads=[[0, 0], [0, 1]],
        lang_to_id={token: number for token, number in tokens.items() if NUM_TEXT + 2 <= number < NUM_TEXT + 2 + WHISPER_LANGUAGES},
        decoder_start_token_id=NUM_TEXT + 1,
    )
    model.save_pretrained(source)
    (source / "preprocessor_config.json").write_text(
        json.dumps({"feature_size": 80, "sampling_rate": 16_000, "hop_length": 160, "chunk_length": 30, "n_fft": 400})
    )
    converter = TransformersConverter(str(source), copy_files=["tokenizer.json", "preprocessor_config.json"])
    converter.convert(str(folder / "converted"), force=True)
    return folder / "converted"


def _write_tokenizer(folder: Path) -> dict[str, int]:
    """Bytes and made-up words, then Whisper's special tokens in their order."""
    from faster_whisper.tokenizer import _LANGUAGE_CODES
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    syllables = ("ba", "ke", "li", "mo", "nu", "ra", "se", "ti")
    words = ("\u0120" + "".join(parts) for size in (2, 3, 4, 5, 6) for parts in itertools.product(syllables, repeat=size))
    text = list(itertools.islice(itertools.chain(sorted(pre_tokenizers.ByteLevel.alphabet()), words), NUM_TEXT - 1))
    text.append("")  # CTranslate2 takes a model for one of every language by its empty token
    special = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in _LANGUAGE_CODES[:WHISPER_LANGUAGES])]
    special += ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
    special += [f"<|{n * 0.02:.2f}|>" for n in range(NUM_TIMES)]
    tokenizer = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(text)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"}))
    return tokenizer.get_vocab()


def buzz(duration_s: float, pitch_hz: float) -> np.ndarray:
    """A voice-like sound: ten harmonics, the pitch swaying, a loudness like syllables."""
    time = np.arange(round(duration_s * 16_000)) / 16_000
    phase = 2 * np.pi * pitch_hz * (time + 0.02 * np.sin(5 * time))
    wave = sum(np.sin(n * phase) / n for n in range(1, 11))
    return (0.2 * wave * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time))).astype(np.float32)
