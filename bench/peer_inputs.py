#!/usr/bin/env python3
"""Makes what bench_peers.py runs: models of well-known shapes with random weights, and token ids.

    peer_inputs.py shape bert-base|albert-base FOLDER
    peer_inputs.py texts SOURCE FILE

The file of token ids has a line "WORKLOAD id id ..." for every text: 1x16, 1x128 and 32x32 are cut from texts.txt laid end to
end, `mixed` are its 256 texts as they are. texts.txt has the length of each text in tokens (of bert-base-uncased) before it: a
model without a tokenizer gets as many made-up ids.
"""
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
FIXED = ((1, 16), (1, 128), (32, 32))
LONGEST = 256


# ---- shapes ----

def write_modules(folder, hidden):
    """Says, as sentence-transformers does: mean of all tokens, of length 1."""
    (folder / "1_Pooling").mkdir(exist_ok=True)
    pooling = {"word_embedding_dimension": hidden, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True,
               "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    kinds = (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"))
    modules = [{"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
               for i, (path, kind) in enumerate(kinds)]
    (folder / "modules.json").write_text(json.dumps(modules))


def write_vocab(folder, count):
    """A WordPiece vocabulary of made-up words: converters of peers ask for one."""
    words = [f"word{i}" for i in range(count)]
    words[0], words[100:104] = "[PAD]", ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    import transformers
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)


def make_bert(folder):
    import transformers
    transformers.BertModel(transformers.BertConfig(position_embedding_type="absolute")).save_pretrained(folder)
    write_vocab(folder, 30522)


def make_albert(folder):
    import transformers
    config = transformers.AlbertConfig(hidden_size=768, num_attention_heads=12, intermediate_size=3072)
    transformers.AlbertModel(config).save_pretrained(folder)


def make_shape(name, folder):
    import torch
    torch.manual_seed(1)
    folder.mkdir(parents=True, exist_ok=True)
    {"bert-base": make_bert, "albert-base": make_albert}[name](folder)
    write_modules(folder, 768)


# ---- texts ----

def stored_texts():
    lines = (HERE / "texts.txt").read_text().splitlines()
    return [(int(length), text) for length, text in (line.split("\t", 1) for line in lines)]


def made_up(length, seed, vocab):
    return [1000 + (seed * 7919 + i * 104729) % (vocab - 1000) for i in range(length)]


def token_ids(source, vocab):
    """Ids of every stored text, first and last token as the model's tokenizer has them."""
    path = source / "tokenizer.json"
    if not path.exists() or "word1000\"" in path.read_text():
        return [made_up(length, n, vocab) for n, (length, _) in enumerate(stored_texts())]
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LONGEST)
    return [tokenizer.encode(text).ids for _, text in stored_texts()]


def cut(texts, count, length):
    """`count` texts of `length` tokens out of all inner tokens laid end to end."""
    stream = [i for t in texts for i in t[1:-1]]
    inner = length - 2
    return [[texts[0][0]] + stream[n * inner:(n + 1) * inner] + [texts[0][-1]] for n in range(count)]


def make_texts(source, path):
    vocab = json.loads((source / "config.json").read_text())["vocab_size"]
    mixed = token_ids(source, vocab)
    workloads = {f"{count}x{length}": cut(mixed, count, length) for count, length in FIXED}
    workloads["mixed"] = mixed
    lines = [" ".join([name, *map(str, text)]) for name, texts in workloads.items() for text in texts]
    path.write_text("\n".join(lines) + "\n")


def main():
    if sys.argv[1] == "shape":
        make_shape(sys.argv[2], pathlib.Path(sys.argv[3]))
    else:
        make_texts(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))


if __name__ == "__main__":
    main()
