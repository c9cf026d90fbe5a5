"""What a PEFT user runs to merge: load, merge, save. The rival in merge.py."""

import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import transformers  # noqa: E402
from peft import PeftModel  # noqa: E402

transformers.logging.disable_progress_bar()

base, adapter, out = sys.argv[1:]
model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype="auto")
model = PeftModel.from_pretrained(model, adapter)
model.merge_and_unload().save_pretrained(out)
