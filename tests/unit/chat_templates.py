#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Renders chat templates with Jinja, as Hugging Face's libraries do, and compares our text and token ids with them.

chat_templates.py CHAT_TURNS DATA            the templates of tests/data/chat
chat_templates.py CHAT_TURNS DATA FOLDER...  those of models' folders: tokenizer.json, tokenizer_config.json and, where
                                             there is one, chat_template.jinja

Exits with 77 (skipped) without Jinja.
"""
import datetime
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment
except ImportError:
    print("skipped: python3-jinja2 is not installed")
    sys.exit(77)

DATE = "07 Feb 2025"

# (system message or None, messages: the user's first). The last one is always the user's.
CONVERSATIONS = [
    (None, ["Hello"]),
    ("You answer in one word.", ["Hello"]),
    ("", ["Hello"]),
    (None, ["  Where is the moon? \n"]),
    (" \tBe brief.\n\n", ["\n Where is the moon?\t "]),
    (None, ["One", "Two", "Three"]),
    ("Count.", ["One", "Two", "Three"]),
    (None, ["One", "  Two\n", " Three"]),
    ("Count.\nSlowly.", ["1 + 1 = ?", "2", "And 2 + 2?", "4.", "Thanks!"]),
    (None, ["na\u00efve \u4f60\u597d \U0001f600", "caf\u00e9 \u0645\u0631\u062d\u0628\u0627", "e\u0301\u00a0x"]),
    ("\u00dcbersetze \u2014 bitte.", ["\u3000Wie geht's?\u00a0"]),
    (None, ["a 'quoted' \"word\" {{ x }} {% if %} \\n", "\u2026", "b\n\nc", "d\n", "e", "f", "g"]),
    ("S", ["1", "2", "3", "4", "5", "6", "7"]),
    (None, [""]),
    ("S", ["", "x", ""]),
]

# The templates of tests/data/chat: tokenizer of tests/data/tokenizers, tokens that begin and end a text (None: there is
# no such one), and the format's other tokens.
CHATML = ["<|im_start|>", "<|im_end|>"]
LLAMA3 = ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
GEMMA = ["<start_of_turn>", "<end_of_turn>"]
TEMPLATES = {
    "qwen2.5": ("bytelevel-qwen2", None, "<|im_end|>", CHATML),
    "qwen3": ("bytelevel-qwen2", None, "<|im_end|>", CHATML + ["<think>", "</think>"]),
    "chatml": ("bytelevel-qwen2", None, "<|im_end|>", CHATML),
    "chatml_default_system": ("bytelevel-qwen2", "<|im_start|>", "<|im_end|>", CHATML),
    "chatml_bos": ("spm-mistral", "<s>", "<|im_end|>", CHATML),
    "chatml_thinking": ("bytelevel-qwen2", None, "<|im_end|>", CHATML + ["<think>"]),
    "llama2": ("spm-llama2", "<s>", "</s>", []),
    "llama3": ("bytelevel-llama3", "<|begin_of_text|>", "<|eot_id|>", LLAMA3),
    "llama3_date": ("bytelevel-llama3", "<|begin_of_text|>", "<|eot_id|>", LLAMA3),
    "llama3_fixed_date": ("bytelevel-llama3", "<|begin_of_text|>", "<|eot_id|>", LLAMA3),
    "mistral_v1": ("spm-llama2", "<s>", "</s>", []),
    "mistral_v2": ("spm-llama2", "<s>", "</s>", []),
    "mistral_v2_system": ("spm-llama2", "<s>", "</s>", []),
    "mistral_v3": ("spm-mistral", "<s>", "</s>", ["[INST]", "[/INST]"]),
    "mistral_tekken": ("bytelevel-llama3", "<s>", "</s>", ["[INST]", "[/INST]"]),
    "gemma2": ("spm-gemma", "<s>", "</s>", GEMMA),
    "gemma3": ("spm-gemma", "<s>", "</s>", GEMMA),
    "zephyr": ("spm-llama2", "<s>", "</s>", []),
}


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def strftime_now(form):
    return datetime.datetime.strptime(DATE, "%d %b %Y").strftime(form)


def render(template, special, system, messages):
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = strftime_now
    said = [] if system is None else [{"role": "system", "content": system}]
    said += [{"role": "user" if i % 2 == 0 else "assistant", "content": text} for i, text in enumerate(messages)]
    compiled = environment.from_string(template)
    return compiled.render(messages=said, tools=None, documents=None, add_generation_prompt=True, **special)


def ask(program, folder):
    question = {
        "folder": str(folder),
        "date": DATE,
        "conversations": [{"system": system, "messages": messages} for system, messages in CONVERSATIONS],
    }
    done = subprocess.run([program], input=json.dumps(question), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return done.stderr.strip()
    return json.loads(done.stdout)


def last_turn_differs(messages, answer):
    """Whether what a chat feeds after the model's last answer isn't what the whole text has there. White space around
    the answer may join the format's own."""
    last = answer["turns"][-1]
    return messages[-2:-1] == [text.strip() for text in messages[-2:-1]] and answer["ids"][-len(last) :] != last


def moves_system(template, special):
    """Whether the template writes a system message elsewhere once the conversation goes on."""
    return not render(template, special, "S", ["a", "b", "c"]).startswith(render(template, special, "S", ["a"]))


def compare(name, template, special, answers):
    """Returns the differences, and how many conversations have been the same in text, and turned out impossible."""
    differences, same, impossible = [], 0, 0
    for (system, messages), ours in zip(CONVERSATIONS, answers):
        where = f"{name}: system {system!r}, messages {messages!r}"
        try:
            theirs = render(template, special, system, messages)
        except jinja2.exceptions.TemplateError as error:
            if "error" not in ours:
                differences.append(f"{where}: the template refuses ({error}), we write {ours['text']!r}")
            impossible += 1
            continue
        if "error" in ours:
            if system is None or "no fixed place" not in ours["error"] or not moves_system(template, special):
                differences.append(f"{where}: {ours['error']}")
            impossible += 1
            continue
        same += 1
        if ours["text"] != theirs:
            differences.append(f"{where}:\n  template {theirs!r}\n  ours     {ours['text']!r}")
        if last_turn_differs(messages, ours):
            differences.append(f"{where}:\n  all ids {ours['ids']}\n  the last turn's {ours['turns'][-1]}")
    return differences, same, impossible


def write_model(folder, data, template, tokenizer, special, tokens):
    """A folder with the template and a small tokenizer that knows the format's tokens."""
    known = json.loads((data / "tokenizers" / tokenizer / "tokenizer.json").read_text())
    spelled = {token["content"] for token in known["added_tokens"]}
    ids = list(known["model"]["vocab"].values()) + [token["id"] for token in known["added_tokens"]]
    for token in dict.fromkeys([*filter(None, special.values()), *tokens]):
        if token not in spelled:
            added = {"id": max(ids) + 1, "content": token, "special": True}
            known["added_tokens"].append(
                {**added, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
            )
            ids.append(added["id"])
    (folder / "tokenizer.json").write_text(json.dumps(known))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": template, **special}))


def of_data(program, data):
    written = {path.stem: path.read_text() for path in (data / "chat").glob("*.jinja")}
    assert written.keys() == TEMPLATES.keys(), "tests/data/chat and TEMPLATES differ"
    for name, (tokenizer, bos, eos, tokens) in TEMPLATES.items():
        special = {"bos_token": bos, "eos_token": eos}
        with tempfile.TemporaryDirectory() as folder:
            write_model(pathlib.Path(folder), data, written[name], tokenizer, special, tokens)
            yield name, written[name], {k: v for k, v in special.items() if v}, ask(program, folder)


def of_folders(program, folders):
    for folder in map(pathlib.Path, folders):
        config = json.loads((folder / "tokenizer_config.json").read_text())
        jinja = folder / "chat_template.jinja"
        template = jinja.read_text() if jinja.exists() else config["chat_template"]
        if isinstance(template, list):
            template = next(one["template"] for one in template if one["name"] == "default")
        special = {key: config.get(key) for key in ("bos_token", "eos_token")}
        special = {key: one["content"] if isinstance(one, dict) else one for key, one in special.items() if one}
        yield folder.name, template, special, ask(program, folder)


def main(program, data, *folders):
    failed = 0
    cases = of_folders(program, folders) if folders else of_data(program, pathlib.Path(data))
    for name, template, special, answers in cases:
        if isinstance(answers, str):
            print(f"{name}: {answers}")
            failed += 1
            continue
        differences, same, impossible = compare(name, template, special, answers)
        for difference in differences:
            print(difference)
        if same == 0:
            print(f"{name}: not one conversation could be compared")
        failed += bool(differences) or same == 0
        print(f"{name}: {same} conversations, {impossible} impossible, {len(differences)} differences")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
